"""The gate lets in as many as it may, in order, whatever happens to those who wait."""

import asyncio

import pytest

from importer.submit.gate import Gate


class Visitors:
    """Tasks that go in, say so, and stay until they are told to leave."""

    def __init__(self, gate):
        self.gate, self.came, self.tasks = gate, [], {}

    async def come(self, *names):
        for name in names:
            self.tasks[name] = asyncio.create_task(self._visit(name))
        await self.settle()

    async def _visit(self, name):
        await self.gate.enter()
        self.came.append(name)

    async def settle(self):
        for _ in range(3):
            await asyncio.sleep(0)

    async def leave(self):
        self.gate.leave()
        await self.settle()


async def test_no_more_than_the_limit_are_inside_and_the_others_follow_in_order():
    visitors = Visitors(Gate(2))
    await visitors.come(*"abcd")
    assert (visitors.came, visitors.gate.inside) == (["a", "b"], 2)
    await visitors.leave()
    assert visitors.came == ["a", "b", "c"]
    await visitors.leave()
    assert (visitors.came, visitors.gate.inside) == (["a", "b", "c", "d"], 2)


async def test_nobody_overtakes_those_who_wait():
    visitors = Visitors(Gate(1))
    await visitors.come("a", "b")
    visitors.gate.leave()
    await visitors.come("c")
    assert visitors.came == ["a", "b"]


async def test_a_higher_limit_lets_those_in_who_wait_and_a_lower_one_sends_nobody_out():
    visitors = Visitors(Gate(1))
    await visitors.come(*"abcd")
    visitors.gate.limit = 3
    await visitors.settle()
    assert visitors.came == ["a", "b", "c"]
    visitors.gate.limit = 1
    await visitors.leave()
    await visitors.leave()
    assert (visitors.came, visitors.gate.inside) == (["a", "b", "c"], 1)
    await visitors.leave()
    assert visitors.came == ["a", "b", "c", "d"]


async def test_who_gives_up_waiting_keeps_nobody_out():
    visitors = Visitors(Gate(1))
    await visitors.come(*"abc")
    visitors.tasks["b"].cancel()
    await visitors.settle()
    await visitors.leave()
    assert visitors.came == ["a", "c"]


async def test_who_is_cancelled_in_the_moment_of_being_let_in_leaves_room_for_the_next():
    visitors = Visitors(Gate(1))
    await visitors.come(*"abc")
    visitors.gate.leave()  # lets b in, who has not run since
    visitors.tasks["b"].cancel()
    with pytest.raises(asyncio.CancelledError):
        await visitors.tasks["b"]
    await visitors.settle()
    assert (visitors.came, visitors.gate.inside) == (["a", "c"], 1)


async def test_room_that_comes_while_one_gives_up_goes_to_the_next():
    visitors = Visitors(Gate(1))
    await visitors.come(*"abc")
    visitors.tasks["b"].cancel()
    visitors.gate.leave()  # before b could say that it waits no more
    await visitors.settle()
    assert (visitors.came, visitors.gate.inside) == (["a", "c"], 1)
