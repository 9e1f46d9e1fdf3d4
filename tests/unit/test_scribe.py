"""The scribe: who is told what and when, and that nothing asked for is lost."""

import asyncio
import threading
from contextlib import contextmanager

import anyio
import pytest

from importer.ledger.port import LedgerFailed
from importer.ledger.scribe import Inline, Scribe


class Sheet:
    """A ledger of words: verbs write to a draft, a commit waits for ``gate`` and may fail; ``commits`` are durable."""

    def __init__(self):
        self.commits = []
        self.draft = []
        self.gate = threading.Event()
        self.gate.set()
        self.reached = threading.Event()
        self.failure = None
        self.closed_in = None

    @contextmanager
    def group(self):
        self.draft = []
        yield
        self.reached.set()
        self.gate.wait(10)
        if self.failure is not None:
            raise self.failure
        self.commits.append(self.draft)

    def write(self, word):
        self.draft.append(word)
        return word.upper()

    def close(self):
        self.closed_in = threading.current_thread()


def writes(word):
    return lambda ledger: ledger.write(word)


def breaks(error):
    def verb(_):
        raise error

    return verb


@pytest.fixture
def sheet():
    return Sheet()


async def behind_the_gate(sheet, scribe):
    """A commit is under way and cannot end: what is asked for now must queue up."""
    sheet.gate.clear()
    first = asyncio.create_task(scribe.do(writes("first")))
    await asyncio.to_thread(sheet.reached.wait, 10)
    return first


async def ask(scribe, *verbs):
    tasks = [asyncio.create_task(scribe.do(verb)) for verb in verbs]
    await asyncio.sleep(0)
    return tasks


async def test_a_verb_gives_its_result_once_it_is_committed(sheet):
    async with Scribe(lambda: sheet) as scribe:
        assert await scribe.do(writes("a")) == "A"
        assert sheet.commits == [["a"]]


async def test_verbs_run_in_one_thread_of_their_own_which_also_opens_and_closes(sheet):
    threads = []

    def opened():
        threads.append(threading.current_thread())
        return sheet

    async with Scribe(opened) as scribe:
        threads += [await scribe.do(lambda _: threading.current_thread()) for _ in range(3)]
    assert {*threads, sheet.closed_in} == {threads[0]}
    assert threads[0] is not threading.main_thread()
    assert not threads[0].is_alive()


async def test_what_queues_up_while_a_commit_runs_shares_the_next_in_order(sheet):
    async with Scribe(lambda: sheet) as scribe:
        first = await behind_the_gate(sheet, scribe)
        others = await ask(scribe, *(writes(word) for word in "bcdef"))
        sheet.gate.set()
        assert await asyncio.gather(first, *others) == ["FIRST", *"BCDEF"]
    assert sheet.commits == [["first"], [*"bcdef"]]


async def test_a_commit_holds_no_more_verbs_than_the_bound(sheet):
    async with Scribe(lambda: sheet, batch=2) as scribe:
        first = await behind_the_gate(sheet, scribe)
        others = await ask(scribe, *(writes(word) for word in "bcdef"))
        sheet.gate.set()
        await asyncio.gather(first, *others)
    assert sheet.commits == [["first"], ["b", "c"], ["d", "e"], ["f"]]


async def test_nobody_is_told_before_the_commit_and_the_loop_goes_on_meanwhile(sheet):
    async with Scribe(lambda: sheet) as scribe:
        first = await behind_the_gate(sheet, scribe)
        for _ in range(100):
            await asyncio.sleep(0)
        assert not first.done()
        assert sheet.commits == []
        sheet.gate.set()
        assert await first == "FIRST"


class Odd(BaseException):
    """Not even an Exception."""


@pytest.mark.parametrize("error", [KeyError("one"), Odd()])
async def test_an_exception_reaches_its_caller_alone(sheet, error):
    async with Scribe(lambda: sheet) as scribe:
        first = await behind_the_gate(sheet, scribe)
        before, broken, after = await ask(scribe, writes("b"), breaks(error), writes("c"))
        sheet.gate.set()
        told = await asyncio.gather(first, before, broken, after, return_exceptions=True)
    assert told == ["FIRST", "B", error, "C"]
    assert sheet.commits == [["first"], ["b", "c"]]


async def test_a_commit_that_fails_is_told_to_all_who_shared_it_and_to_nobody_else(sheet):
    async with Scribe(lambda: sheet) as scribe:
        assert await scribe.do(writes("before")) == "BEFORE"
        sheet.reached.clear()
        first = await behind_the_gate(sheet, scribe)
        sheet.failure = LedgerFailed("importer.db: the disk is full", hint="make room")
        others = await ask(scribe, writes("b"), breaks(KeyError("own")))
        sheet.gate.set()
        told = await asyncio.gather(first, *others, return_exceptions=True)
        assert [(type(error), error.message, error.hint) for error in told] == [
            (LedgerFailed, "importer.db: the disk is full", "make room")
        ] * 3
        assert len(set(map(id, told))) == 3, "each caller raises one of its own"
        sheet.failure = None
        assert await scribe.do(writes("after")) == "AFTER"
    assert sheet.commits == [["before"], ["after"]]


async def test_a_caller_that_is_cancelled_does_not_take_its_verb_back(sheet):
    async with Scribe(lambda: sheet) as scribe:
        first = await behind_the_gate(sheet, scribe)
        cancelled, other = await ask(scribe, writes("b"), writes("c"))
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        sheet.gate.set()
        assert await asyncio.gather(first, other) == ["FIRST", "C"]
        assert cancelled.cancelled()
    assert sheet.commits == [["first"], ["b", "c"]]


async def test_closing_writes_everything_that_was_asked_for(sheet):
    async with Scribe(lambda: sheet, batch=2) as scribe:
        first = await behind_the_gate(sheet, scribe)
        others = await ask(scribe, *(writes(word) for word in "bcd"))
        asyncio.get_running_loop().call_later(0.01, sheet.gate.set)
    assert sheet.commits == [["first"], ["b", "c"], ["d"]]
    assert sheet.closed_in is not None
    assert await asyncio.gather(first, *others) == ["FIRST", *"BCD"]


async def test_closing_under_cancellation_still_writes_everything(sheet):
    with anyio.CancelScope() as scope:
        async with Scribe(lambda: sheet) as scribe:
            first = await behind_the_gate(sheet, scribe)
            others = await ask(scribe, writes("b"))
            asyncio.get_running_loop().call_later(0.01, sheet.gate.set)
            scope.cancel()
            await anyio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert sheet.commits == [["first"], ["b"]]
    assert sheet.closed_in is not None
    assert await asyncio.gather(first, *others) == ["FIRST", "B"]


async def test_after_closing_nothing_can_be_asked(sheet):
    async with Scribe(lambda: sheet) as scribe:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        await scribe.do(writes("late"))
    assert sheet.commits == []


async def test_what_opening_raises_reaches_whoever_opens():
    def opened():
        raise LedgerFailed("importer.db is a folder")

    with pytest.raises(LedgerFailed, match="folder"):
        async with Scribe(opened):
            pytest.fail("there is nothing to work with")


async def test_what_closing_raises_reaches_whoever_closes(sheet):
    class Stuck(Sheet):
        def close(self):
            raise LedgerFailed("importer.db: the disk reported an error")

    with pytest.raises(LedgerFailed, match="disk reported"):
        async with Scribe(Stuck) as scribe:
            assert await scribe.do(writes("a")) == "A"


async def test_inline_does_a_verb_as_the_scribe_does(sheet):
    async with Inline(sheet) as inline:
        assert await inline.do(writes("a")) == "A"
        with pytest.raises(KeyError):
            await inline.do(breaks(KeyError("own")))
        sheet.failure = LedgerFailed("importer.db: the disk is full")
        with pytest.raises(LedgerFailed, match="full"):
            await inline.do(writes("b"))
    assert sheet.commits == [["a"], []]
    assert sheet.closed_in is threading.main_thread()


async def test_inline_has_written_before_its_pause_so_that_a_crash_in_it_loses_the_answer_only(sheet):
    class Crash(Exception):
        """Stands for the end of a process."""

    async def crashes():
        raise Crash

    inline = Inline(sheet, pause=crashes)
    with pytest.raises(Crash):
        await inline.do(writes("a"))
    assert sheet.commits == [["a"]]


@pytest.mark.looptime
async def test_inline_works_in_virtual_time(sheet, looptime):
    inline = Inline(sheet, pause=lambda: asyncio.sleep(3600))
    assert await asyncio.gather(*(inline.do(writes(word)) for word in "abc")) == [*"ABC"]
    assert looptime == 3600
    assert sheet.commits == [["a"], ["b"], ["c"]]
