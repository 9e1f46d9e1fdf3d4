"""Contacts on their way to verified: how far each is, which were seen to arrive, which are sent to once more."""

from collections.abc import Sequence

from importer.ledger import ways
from importer.ledger.postgres.database import Cursor
from importer.ledger.postgres.leases import fence, milliseconds, seconds
from importer.ledger.values import Chase, Lease
from importer.model.operation import Kind
from importer.model.standing import Followed

SEEN = """
update contacts set state = 'verified', verified_at = coalesce(verified_at, %s), updated_at = %s
where directory = %s and id = any(%s)
  and (state in ('added', 'sent', 'failed') or (state = 'verified' and verified_at is null))"""
NEEDLESS = """
update operations set status = 'done', code = 'ok', message = null, reason = null, not_before = null, updated_at = %s
where directory = %s and kind = 'send_email_verification' and status = 'pending'
  and contact in (select id from contacts where id = any(%s) and state = 'verified')"""
CHASE = """
insert into operations (directory, contact, kind, status, rank, reminder, updated_at)
select c.directory, c.id, %(kind)s, 'pending',
       coalesce(p.rank, (select min(rank) from operations where contact = c.id), 0), coalesce(p.reminder + 1, 0),
       %(now)s
from unnest(%(contacts)s::bigint[], %(after)s::bigint[]) with ordinality as w(contact, after, turn)
join contacts c on c.id = w.contact and c.directory = %(directory)s
left join operations p on p.id = w.after and p.contact = c.id and p.kind = %(kind)s
where (c.state = 'sent' or (c.state = 'verified' and %(kind)s = 'send_phone_verification'))
  and (w.after is null or p.status = 'done')
  and not exists (
    select 1 from operations o where o.contact = c.id and o.kind = %(kind)s and o.id > coalesce(w.after, 0))
order by w.turn"""


def followed(c: Cursor, directory: int) -> list[Followed]:
    sends = c.execute(ways.SENDS.format(p="%s"), (directory, directory)).fetchall()
    found = ways.ways(sends, seconds)
    asking = {contact: (file, line) for contact, file, line in c.execute(ways.ASKING.format(p="%s"), (directory,))}
    return ways.followed(c.execute(ways.CONTACTS.format(p="%s"), (directory,)), found, asking, seconds)


def saw(c: Cursor, lease: Lease, contacts: Sequence[int], *, now: float) -> int:
    fence(c, lease)
    at, numbers = milliseconds(now), list(contacts)
    count = c.execute(SEEN, (at, at, lease.directory, numbers)).rowcount
    c.execute(NEEDLESS, (at, lease.directory, numbers))
    return count


def chase(c: Cursor, lease: Lease, chases: Sequence[Chase], *, now: float) -> int:
    fence(c, lease)
    planned = 0
    for kind in (Kind.SEND_EMAIL, Kind.SEND_PHONE):
        wanted = [one for one in chases if one.kind is kind]
        bindings = {
            "directory": lease.directory,
            "kind": kind.value,
            "contacts": [one.contact for one in wanted],
            "after": [one.after for one in wanted],
            "now": milliseconds(now),
        }
        planned += c.execute(CHASE, bindings).rowcount
    return planned
