"""How every directory stands, from as many queries for ten thousand of them as for one."""

from collections import defaultdict
from typing import Any

from importer.ledger.postgres.database import Cursor
from importer.ledger.postgres.leases import run_of, seconds
from importer.ledger.postgres.reporting import totals_of
from importer.ledger.values import Deferral, Lease
from importer.ledger.views import DirectoryStatus
from importer.model.operation import Kind

DIRECTORIES = "select id, profile, endpoint, lease_owner, lease_token, lease_until from directories order by id"
SHEETS = """
select directory, array_agg(file order by id), sum(rejected)::bigint, sum(duplicate)::bigint, sum(accepted)::bigint
from sheets group by directory"""
TALLIES = "select directory, what, word, n from tallies"
DEFERRALS = 'select directory, kind, reason, until from deferrals order by directory, kind collate "C"'
# For each directory a step into an index, however many runs and attempts there are.
LAST_RUNS = """
select d.id, r.id, r.command, r.file, r.started_at, r.ended_at, r.exit_code, r.totals
from directories d cross join lateral (
    select * from runs where directory = d.id order by started_at desc, id collate "C" desc limit 1) r"""
REFUSALS = """
select d.id, refused.at, again.at from directories d
cross join lateral (
    select started_at as at from attempts
    where directory = d.id and outcome = 'daily' and kind = 'send_email_verification'
    order by started_at desc limit 1) refused
left join lateral (
    select started_at as at from attempts
    where directory = d.id and started_at > refused.at and kind = 'send_email_verification' and outcome = 'done'
    order by started_at limit 1) again on true"""


def status(c: Cursor) -> list[DirectoryStatus]:
    files, rows = {}, {}
    for number, names, *counts in c.execute(SHEETS):
        files[number], rows[number] = tuple(names), tuple(counts)
    counted: defaultdict[int, dict[tuple[str, str], int]] = defaultdict(dict)
    for number, what, word, n in c.execute(TALLIES):
        counted[number][what, word] = n
    waits: defaultdict[int, list[Deferral]] = defaultdict(list)
    for number, kind, reason, until in c.execute(DEFERRALS):
        waits[number].append(Deferral(Kind(kind), reason, None if until is None else seconds(until)))
    runs = {number: run_of(run) for number, *run in c.execute(LAST_RUNS)}
    refusals = {number: _refusal(*at) for number, *at in c.execute(REFUSALS)}
    return [
        DirectoryStatus(
            number,
            profile,
            endpoint,
            totals_of(rows.get(number, (0, 0, 0)), counted[number]),
            tuple(waits[number]),
            _lease(number, *lease),
            runs.get(number),
            refusals.get(number),
            files.get(number, ()),
        )
        for number, profile, endpoint, *lease in c.execute(DIRECTORIES)
    ]


def _lease(number: int, owner: str | None, token: int, until: int) -> Lease | None:
    return None if owner is None else Lease(number, owner, token, seconds(until))


def _refusal(refused: Any, again: Any) -> tuple[float, float | None]:
    return seconds(refused), None if again is None else seconds(again)
