"""What the ledger tells: totals, every row."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from importer.ledger.postgres.database import Connection, Cursor
from importer.ledger.postgres.leases import milliseconds, seconds
from importer.ledger.values import Staged
from importer.ledger.views import Calls, ExportRow, Marked, Totals
from importer.model.contact import API_NAMES, FIELDS
from importer.model.operation import Kind, Outcome, State, Status

STAGED = "select id, digest, options, clashes, modified, synced from sheets where directory = %s and file = %s"
ROWS = """
select coalesce(sum(rejected), 0), coalesce(sum(duplicate), 0), coalesce(sum(accepted), 0)
from sheets where {which} = %s"""
TALLIES = "select what, word, n from tallies where directory = %s"
CONTACTS = """
select state, adopted, count(*) from rows join contacts on contacts.id = rows.contact
where rows.sheet = %s and rows.place = 'accepted' group by state, adopted"""
OPERATIONS = """
select kind, status, count(*) from rows join operations on operations.contact = rows.contact
where rows.sheet = %s and rows.place = 'accepted' group by kind, status"""


ROW = """
select d.profile, c.name, c.email_address, c.phone_number, c.title, c.message_types, c.contact_id, c.state,
       c.updated_at, o.code, o.message, o.request_id,
       (select coalesce(sum(tries), 0)::bigint from operations where contact = c.id) as attempts,
       s.file, s.sheet, r.line, r.place, r.cells, r.findings, s.headers, s.staged_at"""
FINDINGS = 18  # which of them
LAST_OPERATION = """
left join operations o
    on o.id = (select max(id) from operations where contact = c.id and code is not null)"""
EVERY = f"""
{ROW}
from sheets s join directories d on d.id = s.directory join rows r on r.sheet = s.id
left join contacts c on c.id = r.contact {LAST_OPERATION}"""
EXPORT = f"{EVERY} where %(directory)s::bigint is null or s.directory = %(directory)s order by s.id, r.line"
MARKED = f"""
{EVERY}
where s.directory = %s and s.file = %s and (r.findings is not null or r.place <> 'accepted' or c.state = 'failed')
order by r.line"""
CALLS = """
select started_at / %(width)s::bigint * %(width)s::bigint as at, outcome, count(*) from attempts where run = %(run)s
group by at, outcome order by at, outcome collate "C\""""
PORTION = 5000
IN_DOUBT = f"""
{ROW}
from (select distinct contact from operations where directory = %(directory)s and status = 'in_doubt') as doubtful
join contacts c on c.id = doubtful.contact join directories d on d.id = c.directory
left join lateral (
    select rows.* from rows join sheets on sheets.id = rows.sheet
    where rows.contact = c.id and rows.place = 'accepted' and sheets.directory = %(directory)s
    order by sheets.staged_at desc, sheets.id desc, line desc limit 1) r on true
left join sheets s on s.id = r.sheet {LAST_OPERATION}
order by coalesce(s.id, 0), coalesce(r.line, 0), c.id"""  # noqa: S608  of constants


def staged(c: Cursor, directory: int, file: str) -> Staged | None:
    row = c.execute(STAGED, (directory, file)).fetchone()
    if row is None:
        return None
    number, digest, options, clashes, modified, synced = row
    return Staged(number, digest, options, clashes, None if modified is None else seconds(modified), synced)


def totals(c: Cursor, directory: int, sheet: int | None) -> Totals:
    """From the tallies where they count just the contacts asked for: all of the directory's."""
    which, number = ("directory", directory) if sheet is None else ("id", sheet)
    rejected, duplicate, accepted = map(int, c.execute(ROWS.format(which=which), (number,)).fetchone() or (0, 0, 0))
    counts = {(what, word): n for what, word, n in c.execute(TALLIES, (directory,))}
    held = sum(n for (what, _), n in counts.items() if what == "contact")
    if sheet is not None and accepted != held:
        counts = _counted(c, sheet)
    return totals_of((rejected, duplicate, accepted), counts)


def totals_of(rows: tuple[int, ...], counts: Mapping[tuple[str, str], int]) -> Totals:
    """``rows``: rejected, duplicate, accepted; ``counts``: of contacts and operations, as the tallies have them."""
    rejected, duplicate, accepted = rows
    return Totals(
        rejected + duplicate + accepted,
        rejected,
        duplicate,
        accepted,
        counts.get(("adopted", ""), 0),
        {state: counts.get(("contact", state.value), 0) for state in State},
        _operations(counts),
    )


def _counted(c: Cursor, sheet: int) -> dict[tuple[str, str], int]:
    """What the tallies would say if the directory held the contacts of one file only."""
    counts: dict[tuple[str, str], int] = {}
    for state, adopted, n in c.execute(CONTACTS, (sheet,)):
        counts["contact", state] = counts.get(("contact", state), 0) + n
        counts["adopted", ""] = counts.get(("adopted", ""), 0) + n * adopted
    return counts | {(kind, status): n for kind, status, n in c.execute(OPERATIONS, (sheet,))}


def _operations(counts: Mapping[tuple[str, str], int]) -> dict[Kind, dict[Status, int]]:
    """The kinds that occur, each with every status."""
    all_kinds = {kind: {status: counts.get((kind.value, status.value), 0) for status in Status} for kind in Kind}
    return {kind: by_status for kind, by_status in all_kinds.items() if any(by_status.values())}


def in_doubt(c: Cursor, directory: int) -> list[ExportRow]:
    return [row_of(row) for row in c.execute(IN_DOUBT, {"directory": directory}).fetchall()]


def calls(c: Cursor, run: str, width: float) -> list[Calls]:
    found = c.execute(CALLS, {"run": run, "width": max(1, milliseconds(width))})
    return [Calls(seconds(at), Outcome(outcome), count) for at, outcome, count in found.fetchall()]


def marked(c: Connection, directory: int, file: str) -> Iterator[Marked]:
    """A portion of rows at a time."""
    with c.cursor(name="marked") as rows:
        rows.itersize = PORTION
        for row in rows.execute(MARKED, (directory, file)):
            yield Marked(row_of(row), tuple(json.loads(row[FINDINGS] or "[]")))


def export(c: Connection, directory: int | None) -> Iterator[ExportRow]:
    """A portion of rows at a time."""
    with c.cursor(name="export") as rows:
        rows.itersize = PORTION
        yield from map(row_of, rows.execute(EXPORT, {"directory": directory}))


def row_of(row: tuple[Any, ...]) -> ExportRow:
    """A row of the file: what it is now if it was accepted, else what it said and why it was not."""
    profile, *fields, contact_id, state, updated_at, code, message, request_id, attempts = row[:13]
    file, sheet, line, place, cells, findings, headers, staged_at = row[13:]
    if place in ("rejected", "duplicate"):
        code, message = _reason(findings)
        if cells is not None:
            fields = _written(cells, headers)
        state, updated_at, attempts, request_id = place, staged_at, 0, None
    name, email_address, phone_number, title, message_types = fields
    return ExportRow(
        file=file or "",
        sheet=sheet,
        row=line or 0,
        directory=profile,
        name=name,
        email_address=email_address,
        phone_number=phone_number,
        title=title,
        message_types=message_types,
        state=state,
        contact_id=contact_id,
        code=code,
        message=message,
        attempts=attempts,
        request_id=request_id,
        updated_at=seconds(updated_at),
    )


def _reason(findings: str | None) -> tuple[str | None, str | None]:
    """The rule and message of the first error, or of the first finding."""
    told = json.loads(findings) if findings else []
    first: dict[str, Any] = min(told, key=lambda finding: finding.get("severity") != "error", default={})
    return first.get("rule"), first.get("message")


def _written(cells: str, headers: str) -> list[str | None]:
    """The fields as written, found by their headers, or by the API's names whatever their case and spacing."""
    named = API_NAMES | json.loads(headers)
    by_header = {_plain(header): value for header, value in json.loads(cells).items()}
    return [by_header.get(_plain(named[field])) for field in FIELDS]


def _plain(header: str) -> str:
    return "".join(header.split()).replace("_", "").casefold()
