"""How far each channel is with each contact, put together from the rows that every store reads alike."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from importer.model.operation import Kind, State, Status
from importer.model.standing import Followed, Way

CONTACTS = """
select id, name, email_address, phone_number, contact_id, state, verified_at from contacts
where directory = {p} and contact_id is not null and stranger = 0 and state not in ('waiting', 'deleted') order by id"""
SENDS = """
select o.contact, o.kind, o.id, o.status, o.reminder, o.code, o.message, a.first_at, a.last_at
from operations o left join (
    select operation, min(started_at) as first_at, max(ended_at) as last_at from attempts
    where directory = {p} and kind in ('send_email_verification', 'send_phone_verification')
      and outcome in ('done', 'doubt')
    group by operation) a on a.operation = o.id
where o.directory = {p} and o.kind in ('send_email_verification', 'send_phone_verification') order by o.id"""
ASKING = """
select r.contact, s.file, r.line from sheets s join rows r on r.sheet = s.id
where s.directory = {p} and r.place = 'accepted' and r.contact is not null order by s.staged_at, s.id, r.line"""

Seconds = Callable[[int], float]
Ways = Mapping[tuple[int, str], Way]


def ways(rows: Iterable[tuple[Any, ...]], seconds: Seconds) -> Ways:
    """The way of each contact and kind; ``rows`` as `SENDS` gives them, each contact's in the order of planning."""
    found: dict[tuple[int, str], Way] = {}
    for contact, kind, operation, status, reminder, code, message, first_at, last_at in rows:
        begun = found.get((contact, kind)) if reminder else None  # a first send begins anew: the target has changed
        before = begun or Way(operation, Status(status), reminder)
        gone = first_at is not None
        found[contact, kind] = replace(
            before,
            operation=operation,
            status=Status(status),
            reminder=reminder,
            code=code,
            message=message,
            first_at=seconds(first_at) if gone and before.first_at is None else before.first_at,
            last_at=seconds(last_at) if gone else before.last_at,
            reminded=before.reminded + (gone and reminder > 0),
        )
    return found


def followed(
    contacts: Iterable[tuple[Any, ...]], ways: Ways, asking: Mapping[int, tuple[str, int]], seconds: Seconds
) -> list[Followed]:
    """Contacts as `CONTACTS` gives them, each with its ways and the newest row that asks for it."""
    found = []
    for number, name, email, phone, contact_id, state, verified_at in contacts:
        file, line = asking.get(number, (None, None))
        known = Followed(number, name, email, phone, contact_id, State(state), file=file, line=line)
        since = None if verified_at is None else seconds(verified_at)
        mail, message = (ways.get((number, kind.value)) for kind in (Kind.SEND_EMAIL, Kind.SEND_PHONE))
        found.append(replace(known, verified_at=since, mail=mail, phone=message))
    return found
