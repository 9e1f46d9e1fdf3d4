"""What all tests share."""

import asyncio


def pytest_sessionstart():
    # A loop that a synchronous test left set would be reported as unclosed in the next asynchronous one.
    asyncio.set_event_loop(None)
