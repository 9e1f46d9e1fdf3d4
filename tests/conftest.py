"""What all tests share."""

import asyncio

import pytest
from hypothesis import settings
from server import Server

from importer.ledger.postgres import open_postgres

settings.register_profile("unhurried", deadline=None)  # a busy machine is no fault of the example's
settings.load_profile("unhurried")


def pytest_sessionstart():
    # A loop that a synchronous test left set would be reported as unclosed in the next asynchronous one.
    asyncio.set_event_loop(None)


@pytest.fixture(scope="session")
def server():
    """A PostgreSQL server, started when the first test asks for it."""
    running = Server()
    yield running
    running.close()


@pytest.fixture
def mortal(server):
    """The server, for a test that stops it."""
    yield server
    server.revive()


@pytest.fixture(scope="session")
def template(server):
    """A database with an empty ledger, to be copied."""
    name = server.database()
    open_postgres(server.url(name)).close()
    return name


@pytest.fixture(scope="session")
def shared(server, template):
    return server.url(server.database(template))


@pytest.fixture
def database(server, shared):
    """The address of a database with an empty ledger."""
    server.empty(shared)
    return shared
