"""When calls stop, how they are probed, and what lets them go on."""

import anyio
import anyio.lowlevel
import pytest

from importer.model.operation import Outcome
from importer.submit.circuit import FIRST, LONGEST, TRIP, Circuit


class Time:
    def __init__(self):
        self.now = 0.0
        self.naps = []

    async def nap(self, seconds):
        self.naps.append(seconds)
        self.now += seconds

    def circuit(self):
        return Circuit(lambda: self.now, self.nap)


def fail(circuit, times):
    for _ in range(times):
        circuit.learn(Outcome.DOUBT)


async def test_a_closed_circuit_costs_nothing():
    time = Time()
    circuit = time.circuit()
    fail(circuit, TRIP - 1)
    async with circuit.turn():
        assert not circuit.open
    assert time.naps == []


@pytest.mark.parametrize("good", [Outcome.DONE, Outcome.ROW, Outcome.CONFLICT, Outcome.THROTTLE, Outcome.LOOK])
def test_any_clear_answer_closes_it(good):
    circuit = Time().circuit()
    fail(circuit, TRIP)
    assert circuit.open
    circuit.learn(good)
    assert not circuit.open


async def test_probes_come_ever_more_seldom_up_to_a_ceiling():
    time = Time()
    circuit = time.circuit()
    fail(circuit, TRIP)
    for _ in range(8):
        async with circuit.turn():
            circuit.learn(Outcome.RESEND)
    assert time.naps[:3] == [FIRST, 2 * FIRST, 4 * FIRST]
    assert max(time.naps) == time.naps[-1] == LONGEST
    assert circuit.trips == 1


async def test_of_many_callers_one_probes_and_the_others_go_on_with_it():
    time = Time()
    circuit = time.circuit()
    fail(circuit, TRIP)
    running, most = 0, 0

    async def call():
        nonlocal running, most
        async with circuit.turn():
            running += 1
            most = max(most, running)
            await anyio.lowlevel.checkpoint()
            circuit.learn(Outcome.DONE)
            running -= 1

    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(call)
    assert time.naps == [FIRST]
    assert most == 1
