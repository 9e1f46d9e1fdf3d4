"""The ledger in a SQLite file: what it refuses, what it leaves on disk, what a crash cannot take."""

import contextlib
import os
import pwd
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import apsw
import pytest
from ledgers import NOON, ORPHANS, TTL, Book, added, names, row

from importer.ledger.port import LedgerFailed
from importer.ledger.scribe import Scribe
from importer.ledger.sqlite import MEMORY, open_sqlite, staging, submitting
from importer.ledger.sqlite.database import APPLICATION_ID, CACHE
from importer.model.errors import FixLedger
from importer.model.operation import Kind

ROOT = Path(__file__).parents[2]


def fill(path):
    ledger = open_sqlite(path)
    Book(ledger).stage(row(2, "anna"))
    ledger.close()


def child(code, *arguments, **options):
    """A Python process that can import what the tests can."""
    paths = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": paths},
        text=True,
        **options,
    )


# -- the file


def test_a_new_ledger_and_its_companions_belong_to_their_owner_alone(tmp_path):
    before = os.umask(0)
    try:
        ledger = open_sqlite(tmp_path / "importer.db")
        Book(ledger).stage(row(2, "anna"))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"importer.db": 0o600, "importer.db-wal": 0o600, "importer.db-shm": 0o600}
    ledger.close()
    assert [path.name for path in tmp_path.iterdir()] == ["importer.db"]


def test_the_file_says_what_it_is(tmp_path):
    fill(tmp_path / "importer.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "importer.db")) as other:
        assert other.execute("pragma application_id").fetchone() == (APPLICATION_ID,)
        assert other.execute("pragma user_version").fetchone() == (1,)
        assert other.execute("pragma journal_mode").fetchone() == ("wal",)
        assert other.execute("pragma integrity_check").fetchone() == ("ok",)
        assert other.execute("pragma foreign_key_check").fetchall() == []


def test_every_commit_is_synced_and_references_are_checked(tmp_path):
    ledger = open_sqlite(tmp_path / "importer.db")
    connection = ledger._db.connection
    assert connection.pragma("synchronous") == 3
    with pytest.raises(apsw.ConstraintError):
        connection.execute("insert into deferrals values (99, 'add', 'x', null)")
    ledger.close()


def test_a_ledger_in_memory_leaves_no_file(tmp_path):
    with contextlib.chdir(tmp_path):
        ledger = open_sqlite(MEMORY)
        book = Book(ledger)
        book.stage(row(2, "anna"))
        assert [exported.name for exported in ledger.export()] == ["anna"]
        ledger.close()
    assert list(tmp_path.iterdir()) == []


def test_a_staging_of_many_leaves_every_index_in_place(tmp_path):
    """A first staging builds the index of keys anew: it must be there afterwards, and hold."""
    ledger = open_sqlite(tmp_path / "importer.db")
    book = Book(ledger)
    indices = "select name from sqlite_schema where type = 'index' and sql is not null order by name"
    before = ledger._db.connection.execute(indices).fetchall()
    book.stage(*(row(line, name) for line, name in enumerate(names(200), 2)))
    assert ledger._db.connection.execute(indices).fetchall() == before
    with pytest.raises(apsw.ConstraintError):
        ledger._db.connection.execute(
            "insert into contacts (directory, key, name, email_address, title, message_types, state, updated_at)"
            " select directory, key, name, email_address, title, message_types, state, 0 from contacts limit 1"
        )
    ledger.close()


QUICK = {
    "after a refusal": (submitting.AGAIN.format(kind=Kind.SEND_EMAIL), (1, 0), "attempts_of_sends"),
    "for a stranger that a file asks for": (staging.KNOWN_NOW, (1, 1), "contacts_watched"),
}


@pytest.mark.parametrize("look", QUICK)
def test_a_look_goes_by_its_index_and_not_through_everything(tmp_path, look):
    statement, bindings, index = QUICK[look]
    ledger = open_sqlite(tmp_path / "importer.db")
    plan = ledger._db.connection.execute(f"explain query plan {statement}", bindings).fetchall()
    assert index in plan[0][-1]
    ledger.close()


# -- refusals: one clear line, and the file as it was


def foreign(path):
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("create table photos (id integer)")


def foreign_of_our_version(path):
    foreign(path)
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("pragma user_version = 1")


def newer(path):
    fill(path)
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("pragma user_version = 7")


def damaged(path):
    fill(path)
    content = bytearray(path.read_bytes())
    content[100:] = b"\xa5" * (len(content) - 100)
    path.write_bytes(content)


REFUSED = {
    "a folder": (lambda path: path.mkdir(), "is a folder"),
    "a text": (lambda path: path.write_text("Name,EmailAddress\n" * 200), "no SQLite database"),
    "a short text": (lambda path: path.write_text("hello"), "no SQLite database"),
    "another program's": (foreign, "another program"),
    "another program's of version 1": (foreign_of_our_version, "another program"),
    "a newer one": (newer, r"version 7.* up to 1"),
    "a damaged one": (damaged, "damaged|no SQLite database"),
    "a pipe": (os.mkfifo, "no regular file"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_ledger_is_refused_and_left_as_it_was(tmp_path, what):
    path = tmp_path / "importer.db"
    make, told = REFUSED[what]
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(FixLedger, match=told) as refusal:
        open_sqlite(path)
    assert str(path) in refusal.value.message
    assert "\n" not in refusal.value.message
    assert refusal.value.hint
    assert (path.read_bytes() if path.is_file() else None) == before
    assert [path.name for path in tmp_path.iterdir()] == ["importer.db"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FixLedger, match=r"cannot be made: No such file"):
        open_sqlite(tmp_path / "nowhere" / "importer.db")


def test_without_leave_to_create_a_missing_ledger_is_no_ledger(tmp_path):
    with pytest.raises(FixLedger, match="there is no ledger at"):
        open_sqlite(tmp_path / "importer.db", create=False)
    assert list(tmp_path.iterdir()) == []
    fill(tmp_path / "importer.db")
    open_sqlite(tmp_path / "importer.db", create=False).close()


@contextlib.contextmanager
def somebody(folder):
    """Inside, this process is a user without rights of its own, who owns the folder; root may write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    nobody = pwd.getpwnam("nobody").pw_uid
    for path in (folder, *folder.iterdir()):
        os.chown(path, nobody, -1)
    os.setresuid(nobody, nobody, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.mark.parametrize("which", ["file", "folder"])
def test_a_ledger_that_cannot_be_written_is_refused(which):
    with tempfile.TemporaryDirectory() as name:  # where any user may go, as into none of pytest's own
        folder = Path(name)
        fill(folder / "importer.db")
        target, mode = (folder / "importer.db", 0o400) if which == "file" else (folder, 0o500)
        target.chmod(mode)
        with somebody(folder), pytest.raises(FixLedger, match="cannot be written"):
            open_sqlite(folder / "importer.db")
        target.chmod(0o700)


def test_an_empty_file_becomes_a_ledger(tmp_path):
    """As one is left when a process ends between making the file and filling it."""
    (tmp_path / "importer.db").touch()
    fill(tmp_path / "importer.db")


# -- versions

MIGRATIONS = (
    "alter table contacts add column note text",
    "create table notes (id integer primary key) strict; update contacts set note = 'moved';",
)


def test_an_older_ledger_is_brought_to_the_newest_version_at_open(tmp_path):
    path = tmp_path / "importer.db"
    fill(path)
    ledger = open_sqlite(path, migrations=MIGRATIONS)
    c = ledger._db.connection
    assert c.pragma("user_version") == 3
    assert c.execute("select name, note from contacts").fetchall() == [("anna", "moved")]
    ledger.close()
    open_sqlite(path, migrations=MIGRATIONS).close()
    with pytest.raises(FixLedger, match="version 3"):
        open_sqlite(path)


def test_a_new_ledger_takes_the_same_steps_as_an_old_one(tmp_path):
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    open_sqlite(old).close()
    schemas = []
    for path in (old, new):
        ledger = open_sqlite(path, migrations=MIGRATIONS)
        schemas.append(ledger._db.connection.execute("select name, sql from sqlite_schema order by name").fetchall())
        ledger.close()
    assert schemas[0] == schemas[1]


def test_a_migration_that_fails_leaves_the_old_version(tmp_path):
    path = tmp_path / "importer.db"
    fill(path)
    with pytest.raises(apsw.SQLError):
        open_sqlite(path, migrations=(MIGRATIONS[0], "alter table nothing add column x"))
    ledger = open_sqlite(path)
    assert [exported.name for exported in ledger.export()] == ["anna"]
    assert "note" not in str(ledger._db.connection.execute("select sql from sqlite_schema").fetchall())
    ledger.close()


# -- a store that fails


def limited(ledger, pages):
    """No more than ``pages`` beyond what the file has now: a full disk, as SQLite sees it."""
    connection = ledger._db.connection
    connection.pragma("max_page_count", connection.pragma("page_count") + pages)


def test_a_full_disk_is_told_in_words_and_nothing_of_the_verb_remains(tmp_path):
    ledger = open_sqlite(tmp_path / "importer.db")
    book = Book(ledger)
    limited(ledger, 1)
    with pytest.raises(LedgerFailed, match="disk is full") as failure:
        book.stage(*(row(line, name) for line, name in enumerate(names(2000), 2)))
    assert str(tmp_path / "importer.db") in failure.value.message
    assert failure.value.hint
    assert book.states() == {}
    limited(ledger, 100_000)
    book.stage(row(2, "anna"))
    assert book.states() == {"anna": "waiting"}
    ledger.close()


def test_a_full_disk_inside_a_group_loses_the_whole_group_whoever_catches_the_error(tmp_path):
    ledger = open_sqlite(tmp_path / "importer.db")
    book = Book(ledger)
    limited(ledger, 1)

    def write():
        with ledger.group():
            book.stage(row(2, "anna"), file="a.csv")
            with contextlib.suppress(LedgerFailed):
                book.stage(*(row(line, name) for line, name in enumerate(names(2000), 2)))
            with contextlib.suppress(LedgerFailed):
                book.stage(row(2, "bob"), file="b.csv")

    with pytest.raises(LedgerFailed, match="disk is full"):
        write()
    assert book.states() == {}
    ledger.close()


async def test_through_the_scribe_a_full_disk_is_told_to_all_and_writing_goes_on_afterwards(tmp_path):
    async with Scribe(lambda: open_sqlite(tmp_path / "importer.db")) as scribe:
        book = await scribe.do(Book)
        await scribe.do(lambda ledger: limited(ledger, 1))
        many = [row(line, name) for line, name in enumerate(names(2000), 2)]
        with pytest.raises(LedgerFailed, match="disk is full"):
            await scribe.do(lambda _: book.stage(*many))
        await scribe.do(lambda ledger: limited(ledger, 100_000))
        await scribe.do(lambda _: book.stage(row(2, "anna")))
        assert await scribe.do(lambda _: book.states()) == {"anna": "waiting"}


def test_a_ledger_that_another_program_keeps_locked_is_told_as_such(tmp_path):
    ledger = open_sqlite(tmp_path / "importer.db")
    ledger._db.connection.set_busy_timeout(0)
    with contextlib.closing(apsw.Connection(str(tmp_path / "importer.db"))) as other:
        other.execute("begin immediate")
        with pytest.raises(LedgerFailed, match="locked"):
            ledger.directory("default", "loopback")
        other.execute("rollback")
    assert ledger.directory("default", "loopback") == 1
    ledger.close()


# -- company and crashes


def test_two_processes_open_a_new_ledger_at_once(tmp_path):
    code = """
        import sys
        from importer.ledger.sqlite import open_sqlite
        print(open_sqlite(sys.argv[1]).directory("default", "loopback"))
    """
    processes = [child(code, tmp_path / "importer.db", stdout=subprocess.PIPE) for _ in range(4)]
    assert [process.communicate()[0] for process in processes] == ["1\n"] * 4


def test_processes_on_one_ledger_share_the_work_and_nothing_is_claimed_twice(tmp_path):
    """Each holds a directory of its own, all write to the same file at once."""
    path = tmp_path / "importer.db"
    open_sqlite(path).close()
    code = """
        import sys
        from ledgers import Book, added, names, row
        from importer.ledger.sqlite import open_sqlite
        book = Book(open_sqlite(sys.argv[1]), profile=sys.argv[2], run=sys.argv[2], owner=sys.argv[2])
        book.stage(*(row(line, name) for line, name in enumerate(names(60), 2)))
        while operations := book.claim(limit=5):
            book.record(*map(added, operations))
        book.ledger.close()
    """
    processes = [child(code, path, f"p{number}") for number in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    ledger = open_sqlite(path)
    for status in ledger.status():
        assert status.totals.operations[Kind.ADD]["done"] == 60
        assert status.totals.operations[Kind.SEND_EMAIL]["pending"] == 60
    assert len(ledger.status()) == 3
    ledger.close()


WRITER = """
    import asyncio, sys
    from ledgers import NOON, Book, added, names, row
    from importer.ledger.scribe import Scribe
    from importer.ledger.sqlite import open_sqlite
    from importer.model.operation import Kind

    async def work(scribe, book):
        while operations := await scribe.do(lambda _: book.claim(limit=1)):
            print("claimed", operations[0].id, flush=True)
            await scribe.do(lambda _: book.record(added(operations[0])))
            print("added", operations[0].id, flush=True)

    async def main():
        async with Scribe(lambda: open_sqlite(sys.argv[1])) as scribe:
            book = await scribe.do(Book)
            await scribe.do(lambda _: book.stage(*(row(line, name) for line, name in enumerate(names(5000), 2))))
            await asyncio.gather(*(work(scribe, book) for _ in range(8)))

    asyncio.run(main())
"""


@pytest.mark.parametrize("lines", [1, 50, 400])
def test_what_was_acknowledged_before_a_kill_is_there_afterwards(tmp_path, lines):
    path = tmp_path / "importer.db"
    process = child(WRITER, path, stdout=subprocess.PIPE)
    told = [process.stdout.readline() for _ in range(lines)]
    process.send_signal(signal.SIGKILL)
    told += [line for line in process.stdout if line.endswith("\n")]
    process.wait()
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL
    ledger = open_sqlite(path)
    c = ledger._db.connection
    assert c.pragma("integrity_check") == "ok"
    assert c.execute("pragma foreign_key_check").fetchall() == []
    assert c.execute(ORPHANS).fetchall() == []
    statuses = dict(c.execute("select id, status from operations where kind = 'add'").fetchall())
    for line in told:
        word, number = line.split()
        assert statuses[int(number)] == "done" if word == "added" else statuses[int(number)] in ("in_flight", "done")
    lease = ledger.acquire(1, "b", now=NOON, ttl=TTL, dead="host pid 1 run run-1")
    in_flight = [number for number, status in statuses.items() if status == "in_flight"]
    assert ledger.recover(lease, now=NOON + 30) == len(in_flight)
    totals = ledger.totals(1)
    assert sum(totals.contacts.values()) == 5000
    assert totals.operations[Kind.ADD]["in_doubt"] == len(in_flight)
    ledger.close()


def test_rows_go_in_by_runs_and_by_themselves_with_the_contacts_they_are_of(tmp_path):
    """Lines with gaps, rows of which more is to be said, and contacts in another order than their lines."""
    ledger = open_sqlite(tmp_path / "importer.db")
    book = Book(ledger)
    wanted = {line: name for line, name in enumerate(names(400), 2) if line % 150 and not 200 < line < 230}
    rows = [row(line, name, cells="{}" if line == 77 else None) for line, name in wanted.items()]
    for order in (rows, rows[::-1], rows[100:] + rows[:100]):
        book.stage(*order, digest=order[0]["name"])
        c = ledger._db.connection
        told = c.execute("select line, name, cells from rows join contacts on contacts.id = contact order by line")
        assert told.fetchall() == [(line, name, "{}" if line == 77 else None) for line, name in wanted.items()]
    ledger.close()


def test_the_tallies_say_what_counting_again_says(tmp_path):
    """After every kind of change that a tally follows."""
    ledger = open_sqlite(tmp_path / "importer.db")
    book = Book(ledger)
    book.stage(*(row(line, name) for line, name in enumerate(names(30), 2)))
    claimed = book.claim(limit=20)
    book.record(*(added(operation, adopted=operation.id % 3 == 0) for operation in claimed[:10]))
    ledger.recover(book.lease, now=NOON + 30)
    book.stage(*(row(line, name) for line, name in enumerate(names(10, start=15), 2)), file="b.csv")
    book.stage(*(row(line, name) for line, name in enumerate(names(12), 2)))
    c = ledger._db.connection
    counted = c.execute("""
        select directory, 'contact', state, count(*) from contacts group by directory, state
        union all select directory, kind, status, count(*) from operations group by directory, kind, status
        union all select directory, 'adopted', '', sum(adopted) from contacts group by directory""").fetchall()
    kept = c.execute("select * from tallies where n <> 0").fetchall()
    assert sorted(kept) == sorted(counted)
    ledger.close()


def many(count):
    return [row(line, name) for line, name in enumerate(names(count), 2)]


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("others", [0, 1])
def test_a_first_load_writes_each_page_once_while_nobody_else_has_the_ledger_open(tmp_path, others, grouped):
    path = tmp_path / "importer.db"
    ledger = open_sqlite(path, load=2_000)
    neighbours = [open_sqlite(path) for _ in range(others)]
    book = Book(ledger)
    with ledger.group() if grouped else contextlib.nullcontext():
        book.stage(*many(2_000))
        book.claim(limit=1)
    log = path.with_name("importer.db-wal")
    assert ledger._db.connection.pragma("journal_mode") == "wal"
    assert (log.exists() and log.stat().st_size > path.stat().st_size / 2) == bool(others)
    assert not path.with_name("importer.db-journal").exists()
    for one in (ledger, *neighbours):
        assert one._db.connection.execute("select count(*) from contacts").get == 2_000
        one.close()


def test_a_first_load_that_fails_leaves_nothing_and_the_log_as_it_was(tmp_path):
    ledger = open_sqlite(tmp_path / "importer.db", load=1)
    book = Book(ledger)
    with pytest.raises(ValueError, match="more than one"):
        book.stage(*many(3), *many(3))
    assert (book.states(), ledger._db.connection.pragma("journal_mode")) == ({}, "wal")
    book.stage(*many(3))
    assert len(book.states()) == 3
    ledger.close()


def test_whoever_opens_the_ledger_amid_a_first_load_waits_for_its_end(tmp_path):
    ledger, found = open_sqlite(tmp_path / "importer.db", load=1), []
    book = Book(ledger)

    def look():
        other = open_sqlite(tmp_path / "importer.db")
        found.append(other._db.connection.execute("select count(*) from contacts").get)
        other.close()

    looking = threading.Thread(target=look)
    with ledger.group():
        book.stage(*many(3))
        assert ledger._db.connection.pragma("journal_mode") == "delete"
        looking.start()
        ledger._db.connection.execute("pragma cache_flush")  # from here on nobody may even read
        time.sleep(0.3)
        assert found == []
    looking.join()
    assert found == [3]
    assert ledger._db.connection.pragma("journal_mode") == "wal"
    ledger.close()


class Crowded(apsw.VFS):
    """A disk with no place for temporary files; counts how often one was asked for."""

    def __init__(self, name, error):
        super().__init__(name, "unix")
        self.error, self.asked = error, 0

    def xOpen(self, name, flags):  # noqa: N802  SQLite's name
        if flags[0] & apsw.SQLITE_OPEN_DELETEONCLOSE:
            self.asked += 1
            raise self.error("it is told to")
        return apsw.VFSFile("unix", name, flags)


@pytest.mark.parametrize("error", [apsw.CantOpenError, apsw.FullError])
def test_without_a_place_for_temporary_files_keys_are_sorted_in_memory(tmp_path, error):
    crowded, count = Crowded("crowded", error), 160_000
    ledger = open_sqlite(tmp_path / "importer.db", vfs="crowded")
    Book(ledger).stage(*many(count))
    c = ledger._db.connection
    assert crowded.asked
    assert (c.execute("select count(*) from contacts").get, c.pragma("integrity_check")) == (count, "ok")
    assert (c.pragma("cache_size"), c.pragma("threads")) == (CACHE, 0)
    ledger.close()
    crowded.unregister()
