"""All that is known of one row or one name: the row as written, and every attempt."""

import json
from collections.abc import Iterator
from typing import Any

from importer.ledger.postgres.database import Cursor
from importer.ledger.postgres.leases import seconds
from importer.ledger.postgres.reporting import LAST_OPERATION, ROW, row_of
from importer.ledger.views import Doing, Story
from importer.model.contact import fold
from importer.model.operation import Attempt, Kind, Outcome, Status

STORY = f"{ROW}, c.id, coalesce(c.adopted, 0), d.id, d.endpoint, s.digest, s.options"
ROWS = f"""
{STORY}
from sheets s join directories d on d.id = s.directory join rows r on r.sheet = s.id
left join contacts c on c.id = r.contact {LAST_OPERATION}"""
PLACE = f"{ROWS} where s.file = %s and r.line = %s order by s.id"
REFUSED = f"{ROWS} where r.contact is null and r.cells is not null order by s.id, r.line"
CALLED = f"""
{STORY}
from contacts c join directories d on d.id = c.directory
left join rows r on r.contact = c.id left join sheets s on s.id = r.sheet {LAST_OPERATION}
where c.key = %s order by d.id, s.id, r.line"""
OPERATIONS = """
select id, kind, status, not_before, reason, code, message, updated_at
from operations where contact = %s order by id"""
ATTEMPTS = """
select a.run, a.operation, a.started_at, a.ended_at, a.outcome, a.code, a.message, a.http_status, a.request_id
from attempts a join operations o on o.id = a.operation where o.contact = %s order by a.id"""


def stories(c: Cursor, file: str, line: int) -> list[Story]:
    return [_story(c, row) for row in c.execute(PLACE, (file, line)).fetchall()]


def called(c: Cursor, name: str) -> list[Story]:
    key = fold(name)
    found = [_story(c, row) for row in c.execute(CALLED, (key,)).fetchall()]
    return [*found, *(story for story in _refused(c) if fold(story.row.name or "") == key)]


def _refused(c: Cursor) -> Iterator[Story]:
    return (_story(c, row) for row in c.execute(REFUSED, ()).fetchall())


def _story(c: Cursor, row: tuple[Any, ...]) -> Story:
    contact, adopted, directory, endpoint, digest, options = row[-6:]
    own = row[:-6]
    cells, findings, _, staged_at = own[-4:]
    told = row_of(own)
    refused = told.state in ("rejected", "duplicate")
    return Story(
        directory,
        endpoint,
        told,
        None if cells is None else json.loads(cells),
        tuple(json.loads(findings)) if findings else (),
        digest,
        options,
        None if staged_at is None else seconds(staged_at),
        bool(adopted) and not refused,
        () if contact is None or refused else _operations(c, contact),
    )


def _operations(c: Cursor, contact: int) -> tuple[Doing, ...]:
    attempts: dict[int, list[tuple[str | None, Attempt]]] = {}
    for run, operation, started, ended, outcome, code, message, status, request in c.execute(ATTEMPTS, (contact,)):
        attempt = Attempt(
            operation, seconds(started), seconds(ended), Outcome(outcome), code, message or "", status, request
        )
        attempts.setdefault(operation, []).append((run, attempt))
    return tuple(
        Doing(
            Kind(kind),
            Status(status),
            None if not_before is None else seconds(not_before),
            reason,
            code,
            message,
            seconds(updated),
            tuple(attempts.get(number, ())),
        )
        for number, kind, status, not_before, reason, code, message, updated in c.execute(
            OPERATIONS, (contact,)
        ).fetchall()
    )
