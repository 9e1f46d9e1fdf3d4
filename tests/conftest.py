"""What all tests share."""

import asyncio

import pytest
from server import Server

from importer.ledger.postgres import open_postgres


def pytest_sessionstart():
    # A loop that a synchronous test left set would be reported as unclosed in the next asynchronous one.
    asyncio.set_event_loop(None)


@pytest.fixture(scope="session")
def server():
    """A PostgreSQL server, started when the first test asks for it."""
    running = Server()
    yield running
    running.close()


@pytest.fixture(scope="session")
def template(server):
    """A database with an empty ledger, to be copied."""
    name = server.database()
    open_postgres(server.url(name)).close()
    return name


@pytest.fixture
def database(server, template):
    """The address of a database with an empty ledger, for one test."""
    name = server.database(template)
    yield server.url(name)
    server.drop(name)
