"""Who has work, and slices of the limits that directories share."""

import apsw

from importer.ledger.sqlite.leases import milliseconds, seconds
from importer.ledger.views import Due

# By kind, so that what waits for tomorrow is not counted through, however much it is. Updates and deletes are no kinds
# here: they are carried out by a sync alone, which plans them anew.
DUE = """
with kinds (kind) as (values ('add'), ('send_email_verification'), ('send_phone_verification'))
select d.id, d.profile, d.endpoint, case when d.lease_until > ?1 then d.lease_owner end,
    (select ended_at is null from runs where directory = d.id order by started_at desc limit 1)
    and coalesce((
        select ended_at is not null from runs where directory = d.id order by started_at desc limit 1 offset 1), true)
from directories d
where
    exists (
        select 1 from kinds k
        where not exists (
            select 1 from deferrals w
            where w.directory = d.id and w.kind = k.kind and (w.until is null or w.until > ?1))
          and exists (
            select 1 from operations o
            where o.directory = d.id and o.kind = k.kind and o.status = 'pending'
              and (o.not_before is null or o.not_before <= ?1)))
    or exists (
        select 1 from runs r
        where r.directory = d.id and r.ended_at is null and not exists (
            select 1 from runs n where n.directory = d.id and n.started_at > r.started_at))
order by coalesce((select max(started_at) from runs where directory = d.id and command <> 'enqueue'), 0), d.id"""

SLICE = """
insert into shares values (?1, ?2 + ?3)
on conflict do update set leased_until = max(leased_until, ?2) + ?3 returning leased_until"""


def due(c: apsw.Connection, *, now: float) -> list[Due]:
    found = c.execute(DUE, (milliseconds(now),))
    return [Due(number, profile, host, owner, dropped=bool(dropped)) for number, profile, host, owner, dropped in found]


def lease_calls(c: apsw.Connection, name: str, length: float, *, now: float) -> float:
    at, size = milliseconds(now), milliseconds(length)
    until = int(c.execute(SLICE, (name, at, size)).get)
    return seconds(until - size - at)
