"""The ledger in PostgreSQL: whose clock counts, who waits for whom, what it refuses, what a lost server cannot take."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier

import psycopg
import pytest
from ledgers import NOON, TTL, Book, added, attempt, failed, names, row
from wire import Wire

from importer.ledger.port import LeaseHeld, LeaseLost, LedgerAway, LedgerFailed, NoLedger
from importer.ledger.postgres import open_postgres, standing
from importer.ledger.scribe import Scribe
from importer.ledger.values import Change
from importer.model.errors import FixCommand, FixLedger
from importer.model.operation import Kind, Outcome, Status

ROOT = Path(__file__).parents[2]
HOUR = 3600.0
MOMENT = "set idle_in_transaction_session_timeout = '50ms'"


@pytest.fixture
def ask(database):
    """Asks the database itself."""
    with psycopg.connect(database, autocommit=True) as connection:
        yield lambda query, *values: connection.execute(query, values).fetchall()


@pytest.fixture
def connect(database):
    opened = []

    def connect(url=database, **others):
        opened.append(open_postgres(url, **others))
        return opened[-1]

    yield connect
    for ledger in opened:
        ledger.close()


def raw(ledger):
    return ledger._db._connection


def end(ask, ledger):
    """The server ends a ledger's connection."""
    ask("select pg_terminate_backend(%s, 5000)", raw(ledger).info.backend_pid)


# -- leases by the database's clock


def test_a_lease_lasts_by_the_databases_clock_whatever_the_callers_show(connect):
    ledger = connect()
    number = ledger.directory("default", "loopback")
    ledger.acquire(number, "a", now=NOON, ttl=TTL)
    for wrong in (0.0, NOON + HOUR, 9e9):
        with pytest.raises(LeaseHeld):
            ledger.acquire(number, "b", now=wrong, ttl=TTL)
    ledger.acquire(number, "c", now=NOON, ttl=0, dead="a")
    assert ledger.acquire(number, "d", now=0.0, ttl=TTL).owner == "d", "c's has expired by the database's clock"


def test_whoever_holds_a_lease_reads_its_end_off_his_own_clock(connect, ask):
    ledger = connect()
    number = ledger.directory("default", "loopback")
    lease = ledger.acquire(number, "a", now=NOON, ttl=TTL)
    assert lease.expires_at == NOON + TTL
    assert ledger.renew(lease, now=NOON + 10, ttl=TTL).expires_at == NOON + 10 + TTL
    ((left,),) = ask("select lease_until - importer.now_ms() from importer.directories")
    assert 0 < left <= TTL * 1000
    assert abs(ledger.holder(number).expires_at - lease.expires_at) > HOUR, "to others it is told by the database's"


def test_a_takeover_waits_for_the_write_under_way_and_no_longer(connect):
    book, other = Book(connect()), connect()
    with ThreadPoolExecutor(1) as thread:
        with book.ledger.group():
            book.stage(row(2, "anna"))
            taking = thread.submit(other.acquire, book.directory, "b", now=NOON, ttl=TTL, dead=book.owner)
            book.claim()
            assert not taking.done()
        assert taking.result(30).token == book.lease.token + 1
    assert book.counts() == ({"waiting": 1}, {("add", "in_flight"): 1})
    with pytest.raises(LeaseLost, match="taken over by b"):
        book.claim()


def test_a_process_that_stops_amid_a_write_does_not_keep_the_directory(connect):
    book, other = Book(connect(patience=60.0)), connect()

    def stopped():
        with book.ledger.group():
            book.stage(row(2, "anna"))
            raw(book.ledger).execute(MOMENT)
            other.acquire(book.directory, "b", now=NOON, ttl=TTL, dead=book.owner)  # waits until the server acts
            book.claim()

    with pytest.raises(LedgerAway):
        stopped()
    assert book.states() == {}
    with pytest.raises(LeaseLost):
        book.claim()


def test_an_export_may_be_read_as_slowly_as_its_reader_likes_and_writes_may_not(connect):
    """A pager holds an export up for hours; a write that is held up is given up."""
    ledger, limit = connect(), "show idle_in_transaction_session_timeout"
    with ledger._db.aside() as reading:
        assert reading.execute(limit).fetchone() == ("0",)
    assert raw(ledger).execute(limit).fetchone() == ("15s",)


# -- side by side


def test_a_staging_that_is_not_committed_keeps_no_other_directory_waiting(connect):
    one, other = Book(connect()), Book(connect(), profile="other", run="run-2", owner="b")
    raw(other.ledger).execute("set lock_timeout = '1ms'")
    rows = [row(line, name) for line, name in enumerate(names(300), 2)]
    with one.ledger.group():
        one.stage(*rows)
        one.add_all()
        other.stage(*rows)
        other.add_all()
        other.stage(*rows[5:])
        assert connect().status()[1].totals.operations[Kind.ADD]["done"] == 300
    assert [status.totals.operations[Kind.ADD]["done"] for status in one.ledger.status()] == [300, 300]


def test_many_directories_are_written_at_once_without_a_deadlock(connect):
    """Each stages twice, claims and records, in groups as the scribe makes them."""

    def work(number):
        book = Book(connect(), profile=f"p{number}", run=f"run-{number}", owner=f"o{number}")
        rows = [row(line, name) for line, name in enumerate(names(120), 2)]
        book.stage(*rows[:60])
        for start in range(0, 60, 10):
            with book.ledger.group():
                book.record(*map(added, book.claim(limit=10)))
                book.stage(*rows[: 60 + start], file=f"{start}.csv", now=NOON + start)
        return book.counts()

    with ThreadPoolExecutor(6) as threads:
        counts = list(threads.map(work, range(6)))
    assert counts == counts[:1] * 6
    assert counts[0][1]["add", "done"] == 60


def test_groups_that_wait_for_each_other_are_parted_by_the_server_and_both_done(connect):
    """Each takes a directory that is free, then the one that the other has just taken."""
    ledgers = [connect(patience=60.0), connect(patience=60.0)]
    numbers = [ledgers[0].directory(name, "loopback") for name in ("a", "b")]
    met, tries, told = Barrier(2, timeout=30), [], []

    def work(me):
        mine, others = (numbers[me], numbers[1 - me])
        while True:
            tries.append(me)
            try:
                with ledgers[me].group():
                    lease = ledgers[me].acquire(mine, f"o{me}", now=NOON, ttl=TTL)
                    if len(tries) <= 2:
                        met.wait()
                    with suppress(LeaseHeld):
                        ledgers[me].release(ledgers[me].acquire(others, f"o{me}", now=NOON, ttl=TTL))
                    ledgers[me].release(lease)
            except LedgerAway as error:
                told.append(error.message)
            else:
                return

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(work, range(2)))
    assert told, "one of them had to begin again"
    assert all("gave up on this unit" in message for message in told)
    assert [status.lease for status in ledgers[0].status()] == [None, None]


def test_several_open_a_new_database_at_once(server):
    url = server.url(server.database())
    with ThreadPoolExecutor(4) as threads:
        ledgers = list(threads.map(lambda _: open_postgres(url), range(4)))
        numbers = list(threads.map(lambda ledger: ledger.directory("default", "loopback"), ledgers))
    assert len(set(numbers)) == 1
    for ledger in ledgers:
        ledger.close()


# -- a server that goes away


@pytest.mark.parametrize("grouped", [False, True])
def test_a_unit_whose_connection_is_lost_never_happened_and_can_be_done_again(connect, ask, grouped):
    book = Book(connect(patience=60.0))

    def write():
        if not grouped:
            book.stage(row(2, "anna"))
            return
        with book.ledger.group():
            book.stage(row(2, "anna"))
            end(ask, book.ledger)
            book.claim()

    if not grouped:
        end(ask, book.ledger)
    with pytest.raises(LedgerAway, match="ended the connection"):
        write()
    assert book.states() == {}
    book.stage(row(2, "anna"))
    assert book.states() == {"anna": "waiting"}


def test_without_patience_a_lost_connection_is_final_and_one_line_says_so(connect, ask):
    ledger = connect()
    end(ask, ledger)
    with pytest.raises(LedgerFailed, match=r"ended the connection") as failure:
        ledger.directory("default", "loopback")
    assert not isinstance(failure.value, LedgerAway)
    assert failure.value.exit_code == 4
    assert failure.value.hint
    assert "\n" not in failure.value.message


@pytest.mark.parametrize("commits", [True, False])
def test_a_commit_whose_answer_was_lost_is_asked_after(connect, server, database, ask, commits):
    """The wire breaks when the commit passes: before the server gets it, or before its answer comes back."""
    with Wire(server.folder) as wire:
        url = database.replace(str(server.folder), str(wire.folder))
        book = Book(connect(url, patience=60.0))
        book.stage(row(2, "anna"), row(3, "bob"))
        wire.breaks(b"commit", passing=commits)
        if commits:
            operations = book.claim(limit=1)
        else:
            with pytest.raises(LedgerAway):
                book.claim(limit=1)
            assert book.counts()[1] == {("add", "pending"): 2}
            operations = book.claim(limit=1)
        assert wire.broken
        assert [operation.values.name for operation in operations] == ["anna"]
        assert book.counts()[1] == {("add", "pending"): 1, ("add", "in_flight"): 1}


@pytest.mark.parametrize("commits", [True, False])
async def test_the_scribe_does_a_group_once_whatever_became_of_its_commit(server, database, commits):
    with Wire(server.folder) as wire:
        url = database.replace(str(server.folder), str(wire.folder))
        async with Scribe(lambda: open_postgres(url, patience=60.0)) as scribe:
            book = await scribe.do(Book)
            await scribe.do(lambda _: book.stage(*(row(line, name) for line, name in enumerate(names(9), 2))))
            for _ in range(3):
                wire.breaks(b"commit", passing=commits)
                operations = await scribe.do(lambda _: book.claim(limit=3))
                wire.breaks(b"commit", passing=commits)
                await scribe.do(lambda _, operations=operations: book.record(*map(added, operations)))
            assert await scribe.do(lambda _: book.counts()) == (
                {"added": 9},
                {("add", "done"): 9, ("send_email_verification", "pending"): 9},
            )
            assert await scribe.do(lambda _: [exported.attempts for exported in book.ledger.export()]) == [1] * 9


async def out_of_reach(scribe):
    while not scribe.away:  # noqa: ASYNC110  it is a flag of the ledger's thread
        await asyncio.sleep(0.01)


async def test_verbs_wait_while_the_server_is_away_and_say_so(mortal):
    url = mortal.url(mortal.database())
    scribe = Scribe(lambda: open_postgres(url, patience=60.0, pause=scribe.pause))
    async with scribe:
        book = await scribe.do(Book)
        await scribe.do(lambda _: book.stage(row(2, "anna")))
        mortal.stop()
        asked = asyncio.ensure_future(scribe.do(lambda _: book.claim()))
        await out_of_reach(scribe)
        assert not asked.done()
        mortal.start()
        assert [operation.values.name for operation in await asked] == ["anna"]
        assert not scribe.away


async def test_whoever_leaves_while_the_server_is_away_need_not_wait_for_it(mortal):
    url = mortal.url(mortal.database())
    scribe = Scribe(lambda: open_postgres(url, patience=HOUR, pause=scribe.pause))
    async with scribe:
        mortal.stop()
        asked = asyncio.ensure_future(scribe.do(lambda ledger: ledger.directory("default", "loopback")))
        await out_of_reach(scribe)
    with pytest.raises(LedgerFailed, match="does not answer"):
        await asked
    mortal.start()


def child(code, *arguments, **options):
    """A Python process that can import what the tests can."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests"), str(Path(__file__).parent)])
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


WRITER = """
    import asyncio, sys
    from ledgers import Book, added, names, row
    from importer.ledger.scribe import Scribe
    from importer.ledger.postgres import open_postgres

    async def work(scribe, book):
        while operations := await scribe.do(lambda _: book.claim(limit=1)):
            print("claimed", operations[0].id, flush=True)
            await scribe.do(lambda _: book.record(added(operations[0])))
            print("added", operations[0].id, flush=True)

    async def main():
        async with Scribe(lambda: open_postgres(sys.argv[1], patience=60.0)) as scribe:
            book = await scribe.do(Book)
            await scribe.do(lambda _: book.stage(*(row(line, name) for line, name in enumerate(names(600), 2))))
            await asyncio.gather(*(work(scribe, book) for _ in range(8)))

    asyncio.run(main())
"""


def kept(ledger, told):
    """What was told is in the ledger; what is in flight there comes to be in doubt, and nothing is lost."""
    statuses = dict(raw(ledger).execute("select id, status from operations where kind = 'add'").fetchall())
    for line in told:
        word, number = line.split()
        assert statuses[int(number)] == "done" if word == "added" else statuses[int(number)] in ("in_flight", "done")
    lease = ledger.acquire(1, "b", now=NOON, ttl=TTL, dead="host pid 1 run run-1")
    in_flight = [number for number, status in statuses.items() if status == "in_flight"]
    assert ledger.recover(lease, now=NOON + 30) == len(in_flight)
    totals = ledger.totals(1)
    assert sum(totals.contacts.values()) == 600
    assert totals.operations[Kind.ADD]["in_doubt"] == len(in_flight)


def test_what_was_acknowledged_before_a_kill_is_there_afterwards(connect, database):
    process = child(WRITER, database)
    told = [process.stdout.readline() for _ in range(100)]
    process.send_signal(signal.SIGKILL)
    told += [line for line in process.stdout if line.endswith("\n")]
    process.wait()
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL
    kept(connect(), told)


def test_what_was_acknowledged_before_the_server_died_is_there_and_the_writer_goes_on(mortal):
    """The server is stopped as by a kill, three times, and started again; the writer ends by itself."""
    url = mortal.url(mortal.database())
    process = child(WRITER, url)
    told = []
    for _ in range(3):
        told += [process.stdout.readline() for _ in range(150)]
        mortal.stop()
        mortal.start()
    told += list(process.stdout)
    assert process.wait() == 0
    process.stdout.close()
    assert len(told) == len(set(told)) == 1200, "each claimed once, each added once"
    ledger = open_postgres(url)
    kept(ledger, told)
    assert ledger.totals(1).operations[Kind.SEND_EMAIL]["pending"] == 600
    ledger.close()


# -- refusals: one clear line, without a password


def test_a_database_without_a_ledger_is_left_alone_unless_one_may_be_made(server):
    url = server.url(server.database())
    with pytest.raises(NoLedger, match="there is no ledger at"):
        open_postgres(url, create=False)
    with psycopg.connect(url) as connection:
        assert connection.execute("select to_regnamespace('importer')").fetchone() == (None,)
    open_postgres(url).close()
    open_postgres(url, create=False).close()


REFUSED = {
    "another program's schema": ("drop table importer.about", "another program's"),
    "another application": ("update importer.about set application = 'photos'", "another program's"),
    "a newer ledger": ("update importer.about set version = 7", r"version 7.* up to 1"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_ledger_is_refused(server, template, what):
    url = server.url(server.database(template))
    make, told = REFUSED[what]
    with psycopg.connect(url) as connection:
        connection.execute(make)
    with pytest.raises(FixLedger, match=told) as refusal:
        open_postgres(url)
    assert refusal.value.hint
    assert refusal.value.exit_code == 2


LOCKED = """
do $$ begin create role locked login password 'other';
exception when duplicate_object then alter role locked login password 'other'; end $$"""
ADDRESSES = {
    "no such database": ("postgresql://importer:s3cret@/nothing?host={folder}", "no such database", FixLedger),
    "no such user": ("postgresql://bob:s3cret@/postgres?host={folder}", "not admitted", FixLedger),
    "a wrong password": ("postgresql://locked:s3cret@/postgres?host={folder}", "password was refused", FixLedger),
    "nobody answers": ("postgresql://bob:s3cret@127.0.0.1:1/x", "does not answer", LedgerAway),
    "no such host": ("postgresql://bob:s3cret@no-such-host.invalid/x", "host is not known", LedgerAway),
    "no address": ("postgresql://bob:s3cret@/x?secret=s3cret", "cannot be read", FixCommand),
    "a password as a parameter": ("postgresql:///x?host={folder}&user=bob&password=s3cret", "not admitted", FixLedger),
}


@pytest.mark.parametrize("what", ADDRESSES)
def test_an_address_that_leads_nowhere_is_told_without_its_password(server, what):
    url, told, kind = ADDRESSES[what]
    with server.connect() as connection:
        connection.execute(LOCKED)  # other tests may have made it, and given it something
    with pytest.raises(kind, match=told) as refusal:
        open_postgres(url.format(folder=server.folder))
    assert "s3cret" not in f"{refusal.value.message} {refusal.value.hint}"
    assert "\n" not in refusal.value.message
    assert refusal.value.hint


def test_a_user_who_may_make_no_schema_is_told_what_to_ask_for(server):
    name = server.database()
    with server.connect() as connection:
        connection.execute("drop role if exists guest; create role guest login")
    with pytest.raises(FixLedger, match="may not do that") as refusal:
        open_postgres(server.url(name, "guest"))
    assert "grant" in refusal.value.hint


# -- versions

MIGRATIONS = (
    "alter table contacts add column note text",
    "create table notes (id bigint primary key); update contacts set note = 'moved'",
)
COLUMNS = """
select table_name, column_name, data_type from information_schema.columns
where table_schema = 'importer' order by table_name, ordinal_position"""


def test_an_older_ledger_is_brought_to_the_newest_version_at_open_and_a_new_one_takes_the_same_steps(server, template):
    old, new = server.url(server.database(template)), server.url(server.database())
    ledger = open_postgres(old)
    Book(ledger).stage(row(2, "anna"))
    ledger.close()
    columns = []
    for url in (old, new):
        ledger = open_postgres(url, migrations=MIGRATIONS)
        columns.append(raw(ledger).execute(COLUMNS).fetchall())
        assert raw(ledger).execute("select version from about").fetchall() == [(3,)]
        ledger.close()
    assert columns[0] == columns[1]
    ledger = open_postgres(old, migrations=MIGRATIONS)
    assert raw(ledger).execute("select name, note from contacts").fetchall() == [("anna", "moved")]
    ledger.close()
    with pytest.raises(FixLedger, match="version 3"):
        open_postgres(old)


def test_a_migration_that_fails_leaves_the_old_version(server, template):
    url = server.url(server.database(template))
    with pytest.raises(psycopg.Error):
        open_postgres(url, migrations=(MIGRATIONS[0], "alter table nothing add column x int"))
    ledger = open_postgres(url)
    assert "note" not in str(raw(ledger).execute(COLUMNS).fetchall())
    ledger.close()


# -- what is written


def test_what_a_server_said_that_is_no_text_for_postgresql_is_kept_as_far_as_it_goes(connect):
    book = Book(connect())
    book.stage(row(2, "anna", "a\0b@example.com"))
    (operation,) = book.claim()
    book.record(failed(operation, "\ud800\0"))
    (exported,) = book.ledger.export()
    assert (exported.email_address, exported.code) == ("a\ufffdb@example.com", "?\ufffd")


def test_the_tallies_say_what_counting_again_says(connect):
    """After every kind of change that a tally follows."""
    book = Book(connect())
    book.stage(*(row(line, name) for line, name in enumerate(names(30), 2)))
    claimed = book.claim(limit=20)
    book.record(*(added(operation, adopted=operation.id % 3 == 0) for operation in claimed[:10]))
    book.ledger.recover(book.lease, now=NOON + 30)
    book.stage(*(row(line, name) for line, name in enumerate(names(10, start=15), 2)), file="b.csv")
    book.stage(*(row(line, name) for line, name in enumerate(names(12), 2)))
    counted = (
        raw(book.ledger)
        .execute("""
        select directory, 'contact', state, count(*) from contacts group by directory, state
        union all select directory, kind, status, count(*) from operations group by directory, kind, status
        union all select directory, 'adopted', '', sum(adopted) from contacts group by directory""")
        .fetchall()
    )
    tallied = raw(book.ledger).execute("select * from tallies where n <> 0").fetchall()
    assert sorted(tallied) == sorted(counted)


def test_several_changes_of_one_operation_in_one_batch_are_made_in_their_order(connect):
    book = Book(connect())
    book.stage(row(2, "anna"), row(3, "bob"))
    anna, bob = book.claim()
    tried = [attempt(anna, Outcome.CONFLICT, "C", at=NOON + second) for second in (10, 11)]
    again = [Change(anna.id, Status.IN_FLIGHT, Status.IN_FLIGHT, attempt=one) for one in tried]
    assert book.record(failed(bob), *again, added(anna, at=NOON + 12)) == [True] * 4
    told = raw(book.ledger).execute("select operation, code, observed from attempts order by id").fetchall()
    assert told == [(bob.id, "InvalidParameter.Name", 0), (anna.id, "C", 0), (anna.id, "C", 0), (anna.id, "ok", 0)]
    assert book.states() == {"anna": "added", "bob": "failed"}


# -- telling how many directories stand


class Counting:
    """A cursor that counts what it is asked."""

    def __init__(self, cursor):
        self.cursor, self.asked = cursor, 0

    def execute(self, *words):
        self.asked += 1
        return self.cursor.execute(*words)


def test_how_all_directories_stand_takes_no_more_questions_for_many_than_for_one(connect):
    ledger = connect()

    def asked():
        cursor = Counting(raw(ledger).cursor())
        found = standing.status(cursor)
        assert [one.profile for one in found] == [f"d{n}" for n in range(len(found))]
        return len(found), cursor.asked

    counts = []
    for n in range(12):
        ledger.directory(f"d{n}", "loopback")
        counts.append(asked())
    assert counts == [(n + 1, counts[0][1]) for n in range(12)]
