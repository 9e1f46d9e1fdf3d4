"""Contacts on their way to verified: how far each is, which were seen to arrive, which are sent to once more."""

import json
from collections.abc import Sequence

import apsw

from importer.ledger import ways
from importer.ledger.sqlite.leases import fence, milliseconds, seconds
from importer.ledger.values import Chase, Lease
from importer.model.operation import Kind
from importer.model.standing import Followed

SEEN = """
update contacts set state = 'verified', verified_at = coalesce(verified_at, ?), updated_at = ?
where directory = ? and id in (select value from json_each(?))
  and (state in ('added', 'sent', 'failed') or (state = 'verified' and verified_at is null))"""
NEEDLESS = """
update operations set status = 'done', code = 'ok', message = null, reason = null, not_before = null, updated_at = ?
where directory = ? and kind = 'send_email_verification' and status = 'pending'
  and contact in (select id from contacts where id in (select value from json_each(?)) and state = 'verified')"""
CHASE = """
insert into operations (directory, contact, kind, status, rank, reminder, updated_at)
select c.directory, c.id, :kind, 'pending',
       coalesce(p.rank, (select min(rank) from operations where contact = c.id), 0), coalesce(p.reminder + 1, 0), :now
from json_each(:chases) w join contacts c on c.id = w.value ->> 0 and c.directory = :directory
left join operations p on p.id = w.value ->> 1 and p.contact = c.id and p.kind = :kind
where (c.state = 'sent' or (c.state = 'verified' and :kind = 'send_phone_verification'))
  and (w.value ->> 1 is null or p.status = 'done')
  and not exists (
    select 1 from operations o
    where o.contact = c.id and o.kind = :kind and o.id > coalesce(w.value ->> 1, 0))
order by w.key"""
COUNTED = "insert into tallies values (?, ?, 'pending', ?) on conflict do update set n = n + excluded.n"


def followed(c: apsw.Connection, directory: int) -> list[Followed]:
    sends = c.execute(ways.SENDS.format(p="?"), (directory, directory))
    found = ways.ways(sends, seconds)
    asking = {contact: (file, line) for contact, file, line in c.execute(ways.ASKING.format(p="?"), (directory,))}
    return ways.followed(c.execute(ways.CONTACTS.format(p="?"), (directory,)), found, asking, seconds)


def saw(c: apsw.Connection, lease: Lease, contacts: Sequence[int], *, now: float) -> int:
    fence(c, lease)
    at, numbers = milliseconds(now), json.dumps(list(contacts))
    c.execute(SEEN, (at, at, lease.directory, numbers))
    count = c.changes()
    c.execute(NEEDLESS, (at, lease.directory, numbers))
    return count


def chase(c: apsw.Connection, lease: Lease, chases: Sequence[Chase], *, now: float) -> int:
    fence(c, lease)
    planned = 0
    for kind in (Kind.SEND_EMAIL, Kind.SEND_PHONE):
        wanted = json.dumps([(one.contact, one.after) for one in chases if one.kind is kind])
        bindings = {"directory": lease.directory, "kind": kind.value, "chases": wanted, "now": milliseconds(now)}
        c.execute(CHASE, bindings)
        if count := c.changes():
            c.execute(COUNTED, (lease.directory, kind.value, count))
        planned += count
    return planned
