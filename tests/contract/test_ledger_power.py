"""Power cuts and failing disks: whatever is lost with them, it is nothing that was acknowledged.

A way to the disk that SQLite takes for the usual one writes down every write and every sync. A cut keeps what was
synced by then, and of the rest a random part, torn in the middle; the ledger found then must be as the last verb left
it, or as the one under way would have.
"""

import contextlib
import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import pytest
from ledgers import NOON, ORPHANS, Book, added, failed, names, row, sent

from importer.ledger.port import LedgerFailed
from importer.ledger.sqlite import LOAD, open_sqlite
from importer.model.operation import Kind

CUTS = 500
SECTOR = 512
TABLES = ("directories", "runs", "sheets", "contacts", "rows", "operations", "attempts", "deferrals", "tallies")


@dataclass
class Disk:
    """What was done to the files, in order: (file, what, offset, bytes); ``fails`` is asked before each."""

    done: list = field(default_factory=list)
    fails: object = lambda: None

    def note(self, file, what, offset=0, content=b""):
        self.fails()
        self.done.append((file, what, offset, content))


class Recording(apsw.VFS):
    """The usual way to the disk, written down."""

    def __init__(self, name, disk):
        super().__init__(name, "unix")
        self.disk = disk

    def xOpen(self, name, flags):  # noqa: N802  SQLite's name
        return File(self.disk, name, flags)

    def xDelete(self, name, sync):  # noqa: N802
        self.disk.note(Path(name).name, "delete", int(sync))
        super().xDelete(name, sync)


class File(apsw.VFSFile):
    def __init__(self, disk, name, flags):
        super().__init__("unix", name, flags)
        self.disk = disk
        self.path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name).name

    def xWrite(self, content, offset):  # noqa: N802
        self.disk.note(self.path, "write", offset, bytes(content))
        super().xWrite(content, offset)

    def xTruncate(self, size):  # noqa: N802
        self.disk.note(self.path, "truncate", size)
        super().xTruncate(size)

    def xSync(self, flags):  # noqa: N802
        self.disk.note(self.path, "sync")
        super().xSync(flags)


@pytest.fixture
def disk():
    disk = Disk()
    vfs = Recording("recorded", disk)
    yield disk
    vfs.unregister()


def work(ledger, acknowledged):
    """A ledger's life in small commits; ``acknowledged`` is told after each verb."""
    book = Book(ledger)
    acknowledged(book)

    def does(verb, *arguments, **options):
        result = verb(*arguments, **options)
        acknowledged(book)
        return result

    rows = [row(line, name) for line, name in enumerate(names(40), 2)]
    does(book.stage, *rows[:30])
    for _ in range(4):
        operations = does(book.claim, limit=3)
        does(book.record, *map(added, operations[:2]), failed(operations[2]))
    does(book.stage, *reversed(rows[10:]), digest="d2")
    with ledger.group():
        for operation in book.claim(Kind.SEND_EMAIL, limit=5):
            book.record(sent(operation))
        book.ledger.defer(book.lease, Kind.SEND_EMAIL, "daily-sends", NOON + 9)
    acknowledged(book)
    does(book.claim, limit=4)
    does(book.ledger.recover, book.lease, now=NOON + 50)
    does(book.stage, *rows[:5], file="other.csv")
    does(book.ledger.finish_run, book.run, ended_at=NOON + 60, exit_code=3, totals="{}")
    does(book.ledger.release, book.lease)


def content(ledger):
    return [ledger._db.connection.execute(f"select * from {table} order by 1, 2").fetchall() for table in TABLES]


def sound(ledger):
    connection = ledger._db.connection
    assert connection.pragma("integrity_check") == "ok"
    assert connection.execute("pragma foreign_key_check").fetchall() == []
    assert connection.execute(ORPHANS).fetchall() == []


def checkpoint_often(ledger):
    ledger._db.connection.wal_autocheckpoint(12)


class Images:
    """The files as they are on the disk at a moment, and what was written since and not synced."""

    def __init__(self, done):
        self.done = done
        self.position = 0
        self.synced = {}
        self.loose = {}

    def forward(self, position):
        for file, what, offset, written in self.done[self.position : position]:
            if what == "sync":
                for change in self.loose.pop(file, []):
                    apply(self.synced.setdefault(file, bytearray()), *change)
            elif what == "delete" and offset:  # and the folder synced
                self.synced.pop(file, None)
                self.loose.pop(file, None)
            else:
                self.loose.setdefault(file, []).append((what, offset, written))
        self.position = position

    def cut(self, chance, folder):
        """What a power cut leaves now: all that was synced, and any part of the rest."""
        folder.mkdir()
        keeps = chance.choice([0.0, 0.3, 0.7, 1.0])
        for file in {*self.synced, *self.loose}:
            left = bytearray(self.synced.get(file, b""))
            for what, offset, written in self.loose.get(file, []):
                if chance.random() >= keeps:
                    continue
                if what == "delete":
                    left = bytearray()
                elif what == "write" and chance.random() < 0.3:
                    part = chance.randrange(0, len(written) + 1, SECTOR)
                    apply(left, what, offset, written[:part])
                else:
                    apply(left, what, offset, written)
            (folder / file).write_bytes(left)


def apply(image, what, offset, written):
    if what == "truncate":
        del image[offset:]
        return
    if len(image) < offset:
        image.extend(bytes(offset - len(image)))
    image[offset : offset + len(written)] = written


@pytest.mark.parametrize("load", [LOAD, 1])
def test_a_power_cut_at_any_moment_takes_nothing_that_was_acknowledged(tmp_path, disk, load):
    """Also amid the first staging, be it loaded by itself, outside the write-ahead log."""
    (tmp_path / "live").mkdir()
    ledger = open_sqlite(tmp_path / "live" / "importer.db", vfs="recorded", load=load)
    checkpoint_often(ledger)
    moments, contents = [0], [None]

    def acknowledged(_):
        moments.append(len(disk.done))
        contents.append(content(ledger))

    work(ledger, acknowledged)
    ledger.close()
    assert sum(file == "importer.db" and what == "sync" for file, what, *_ in disk.done) > 5, "there were checkpoints"

    gone = [file for file, what, *_ in disk.done if what == "delete"]
    assert gone.count("importer.db-wal") == 1 + (load == 1), "for the load, and at the end"
    chance = random.Random(5)
    images = Images(disk.done)
    last = last_content = 0
    unfinished = 0
    for number, position in enumerate(sorted(chance.choices(range(len(disk.done) + 1), k=CUTS))):
        images.forward(position)
        folder = tmp_path / "cut"
        images.cut(chance, folder)
        found = open_sqlite(folder / "importer.db")
        sound(found)
        while last + 1 < len(moments) and moments[last + 1] <= position:
            last += 1
        left = content(found)
        expected = contents[last : last + 2]
        if last == 0:
            assert left == contents[1] or not left[4], "before the first verb was acknowledged nothing was staged"
        else:
            assert left in expected, f"cut {number} at {position}: acknowledged work is missing"
        unfinished += left != expected[0]
        found.close()
        shutil.rmtree(folder)
        last_content = left
    print(f"{CUTS} cuts over {len(disk.done)} writes and syncs of {len(contents) - 1} verbs: nothing lost;")
    print(f"in {unfinished} of them the verb under way had happened too")
    assert last_content == contents[-1]


def test_the_cuts_would_notice_a_commit_that_is_not_synced(tmp_path, disk):
    """The same cuts against a ledger that does not sync its commits: some must lose what was acknowledged."""
    (tmp_path / "live").mkdir()
    ledger = open_sqlite(tmp_path / "live" / "importer.db", vfs="recorded")
    ledger._db.connection.pragma("synchronous", "normal")
    moments, contents = [0], [None]

    def acknowledged(_):
        moments.append(len(disk.done))
        contents.append(content(ledger))

    work(ledger, acknowledged)
    chance = random.Random(5)
    images = Images(disk.done)
    lost = 0
    for moment, wanted in list(zip(moments, contents, strict=True))[2:]:
        images.forward(moment)
        images.cut(chance, tmp_path / "cut")
        found = open_sqlite(tmp_path / "cut" / "importer.db")
        lost += content(found) != wanted
        found.close()
        shutil.rmtree(tmp_path / "cut")
    ledger.close()
    assert lost > 0


class Once:
    """Fails at the n-th write or sync, and from then on for as long as ``lasting``."""

    def __init__(self, nth, error, *, lasting):
        self.left = nth
        self.error = error
        self.lasting = lasting
        self.failed = False

    def __call__(self):
        self.left -= 1
        if self.left == 0 or (self.lasting and self.left < 0):
            self.failed = True
            raise self.error("it is told to")


@pytest.mark.parametrize("error", [apsw.FullError, apsw.IOError])
@pytest.mark.parametrize(("lasting", "load"), [(False, LOAD), (True, LOAD), (True, 1)])
def test_a_disk_that_fails_at_any_write_loses_nothing_that_was_acknowledged(tmp_path, disk, error, lasting, load):
    """Full or faulty, once or for good: told in plain words, and the next run finds what was acknowledged."""
    failures = 0
    for nth in range(1, 10_000, 7):
        path = tmp_path / f"{nth}.db"
        open_sqlite(path).close()
        ledger = open_sqlite(path, vfs="recorded", load=load)
        checkpoint_often(ledger)
        seen = []
        disk.fails = Once(nth, error, lasting=lasting)
        with contextlib.suppress(LedgerFailed):
            work(ledger, lambda _, ledger=ledger, seen=seen: seen.append(content(ledger)))
        struck = disk.fails.failed
        disk.fails = lambda: None
        if not struck:
            ledger.close()
            break
        failures += 1
        after = content(ledger)
        ledger.directory("other", "loopback")
        with contextlib.suppress(LedgerFailed):
            ledger.close()
        found = open_sqlite(path)
        sound(found)
        c = found._db.connection
        c.execute("delete from directories where profile = 'other'")
        assert content(found) == after
        if seen:
            finished = {
                number: status for number, status in _statuses(seen[-1]).items() if status in ("done", "failed")
            }
            now = _statuses(after)
            assert all(now[number] == status for number, status in finished.items())
        found.close()
    print(f"{failures} failures of {error.__name__}, lasting {lasting}")
    assert failures > 20


def _statuses(tables):
    return {operation[0]: operation[4] for operation in tables[TABLES.index("operations")]}
