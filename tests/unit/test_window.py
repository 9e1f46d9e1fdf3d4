"""How the number of calls at once is found: against servers that bear one, a few, or as many as come."""

import pytest

from importer.submit.window import MOST, PATIENCE, STRANGERS, Window


def used(window, bears, calls):
    """Rounds of as many calls as the window allows against a server that bears so many; how many it refused."""
    refused = made = 0
    while made < calls:
        epoch, at_once = window.epoch, window.limit
        for call in range(at_once):
            made += 1
            if call < bears:
                window.done()
            else:
                refused += 1
                window.conflict(epoch, at_once)
    return refused


@pytest.mark.parametrize(("bears", "share"), [(1, 0.01), (2, 0.02), (5, 0.03), (16, 0.05), (24, 0.05), (31, 0.05)])
def test_what_the_server_bears_is_found_and_seldom_passed(bears, share):
    window = Window()
    refused = used(window, bears, 4000)
    assert refused < 4000 * share
    assert bears - 1 <= window.limit <= bears + 1


def test_a_server_that_bears_all_is_used_to_the_ceiling():
    window = Window()
    assert used(window, 1000, 500) == 0
    assert window.limit == MOST


def test_calls_that_were_under_way_together_count_as_one_conflict():
    window = Window(limit=16, growing=False)
    epoch = window.epoch
    for _ in range(8):
        window.conflict(epoch, 16)
    assert window.limit == 8


def test_a_failed_probe_costs_one_and_makes_the_next_one_wait_twice_as_long():
    window = Window(limit=4, growing=False)
    for _ in range(PATIENCE):
        window.done()
    assert window.limit == 5
    window.conflict(window.epoch, 5)
    assert (window.limit, window.patience) == (4, 2 * PATIENCE)


def test_conflicts_with_one_call_under_way_are_somebody_elses():
    window = Window()
    for _ in range(STRANGERS):
        assert not window.strangers
        window.conflict(window.epoch, 1)
    assert window.strangers
    assert window.limit == 1
    window.done()
    assert not window.strangers


def test_a_remembered_window_is_used_at_once_and_probed_from_there():
    assert Window.remembered(None).limit == 1
    assert Window.remembered(16).limit == 16
    assert Window.remembered(10_000).limit == MOST
    assert not Window.remembered(16).growing
