"""What a look at the directory settles: operations in doubt, and pending adds of contacts that are there already."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from importer.directory import Listed
from importer.ledger.values import DELETING, Change
from importer.model.contact import LIST_SEPARATOR, fold
from importer.model.operation import Kind, Operation, State, Status
from importer.submit.decide import NO_CONTACT, RESENDS, after, then

ALREADY_USED = "InvalidParameter.Name.AlreadyUsed"
NO_VERIFICATION = "EntityNotExists.Contact.Verification"
LOOKS = 4  # attempts on a contact that the directory does not know yet, right after it was added

Targets = Iterable[tuple[str, str]]
Unsettled = tuple[Operation, Status, str | None]  # the operation, its status, the code of its last attempt


class Listing:
    """The directory as listed at one moment, found by folded name or by id."""

    def __init__(self, contacts: Iterable[Listed]) -> None:
        self.contacts = tuple(contacts)
        self._by_id = {contact.contact_id: contact for contact in self.contacts}
        self._by_key: dict[str, list[Listed]] = {}
        for contact in self.contacts:
            self._by_key.setdefault(fold(contact.name), []).append(contact)

    def with_targets(self, targets: Targets) -> "Listing":
        """The same with what waits to be verified: pairs of a contact's id and an address or number."""
        waiting: dict[str, tuple[str, ...]] = {}
        for number, target in sorted(targets):
            waiting[number] = (*waiting.get(number, ()), target)
        return Listing(replace(one, pending=waiting.get(one.contact_id, ())) for one in self.contacts)

    def __len__(self) -> int:
        return len(self.contacts)

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self._by_key)

    def named(self, name: str) -> Listed | None:
        """The contact of that name; of several that differ in letter case only, the one written the same."""
        found = self._by_key.get(fold(name), [])
        return next((contact for contact in found if contact.name == name), found[0] if found else None)

    def known(self, contact_id: str | None) -> Listed | None:
        return self._by_id.get(contact_id or "")


def settle(unsettled: Sequence[Unsettled], listing: Listing, *, now: float) -> list[Change]:
    """The changes that the listing, as seen ``now``, allows; what it cannot settle stays as it is."""
    changes = (SETTLING.get(item[0].kind, _settle_send)(*item, listing) for item in unsettled)
    return [change._replace(at=now) for change in changes if change is not None]


def absent(unsettled: Sequence[Unsettled], listing: Listing) -> bool:
    """Whether an add in doubt is missing from the listing: it may only lag behind, so look again before adding."""
    return any(
        status is Status.IN_DOUBT and operation.kind is Kind.ADD and listing.named(operation.values.name) is None
        for operation, status, _ in unsettled
    )


def _settle_add(operation: Operation, status: Status, code: str | None, listing: Listing) -> Change | None:
    found = listing.named(operation.values.name)
    if found is None:
        return _absent(operation, status, code)
    if found.email_address.casefold() != operation.values.email_address.casefold():
        message = (
            f"the directory has this name with {found.email_address}, the file with {operation.values.email_address}"
        )
        return Change(operation.id, status, Status.FAILED, State.FAILED, code="NameTaken", message=message)
    if found.status == "Deleting":
        message = "the directory is deleting a contact of this name; run again when it is gone"
        return Change(operation.id, status, Status.FAILED, State.FAILED, code="Deleting", message=message)
    active = found.status == "Active"
    return Change(
        operation.id,
        status,
        Status.DONE,
        State.VERIFIED if active else State.ADDED,
        contact_id=found.contact_id,
        then=None if active else Kind.SEND_EMAIL,
        adopted=operation.doubts == 0,
        code="ok",
    )


def _absent(operation: Operation, status: Status, code: str | None) -> Change | None:
    if status is Status.PENDING:
        return None
    if code == ALREADY_USED:
        # Taken, and yet not listed. After an attempt of ours that may have worked nobody can say whose it is.
        if operation.doubts:
            return None
        message = "the directory says that the name is taken, and does not list it"
        return Change(operation.id, status, Status.FAILED, State.FAILED, code=code, message=message)
    return Change(operation.id, status, Status.PENDING, State.WAITING, code=code)


def _settle_send(operation: Operation, status: Status, code: str | None, listing: Listing) -> Change | None:
    if status is Status.PENDING:
        return None
    found = listing.known(operation.contact_id)
    address = operation.values.email_address
    waits = found is not None and _waits(found, address)
    if found is not None and (waits or found.email_address.casefold() == address.casefold()):
        if found.status == "Active" and not waits:
            return Change(operation.id, status, Status.DONE, State.VERIFIED, code="ok")
        if (waits or found.status == "Verifying") and code != NO_VERIFICATION:
            tries = operation.tries if code == NO_CONTACT else 0
            if tries < LOOKS and operation.doubts <= RESENDS:
                return Change(operation.id, status, Status.PENDING, _before(operation), code=code)
            return (
                None
                if code != NO_CONTACT
                else _failed(operation, status, NO_CONTACT, "the directory lists the contact")
            )
        return _failed(
            operation,
            status,
            code or found.status,
            "the directory has no verification waiting for this address",
        )
    if code == NO_CONTACT and operation.tries < LOOKS:
        return Change(operation.id, status, Status.PENDING, _before(operation), code=code)
    why = "is not in the directory any more" if found is None else "has another address in the directory"
    return _failed(operation, status, code or NO_CONTACT, f"the contact {why}")


def _before(operation: Operation) -> State:
    """Where a contact stands while a mail waits to go out: one that is reminded was mailed before."""
    return State.SENT if operation.reminder else State.ADDED


def _settle_message(operation: Operation, status: Status, code: str | None, listing: Listing) -> Change | None:
    """A message to a phone: the contact is verified without it, so its state stays."""
    found = listing.known(operation.contact_id)
    if found is None and (code != NO_CONTACT or operation.tries >= LOOKS):
        message = "the contact is not in the directory any more"
        return Change(operation.id, status, Status.FAILED, code=code or NO_CONTACT, message=message)
    if code == NO_VERIFICATION:
        if found is not None and found.phone_number == operation.values.phone_number:
            return Change(operation.id, status, Status.DONE, code="ok")
        message = "the directory has no verification waiting for this number"
        return Change(operation.id, status, Status.FAILED, code=code, message=message)
    if operation.doubts <= RESENDS:
        return Change(operation.id, status, Status.PENDING, code=code)
    return None


def _settle_update(operation: Operation, status: Status, code: str | None, listing: Listing) -> Change | None:
    if status is Status.PENDING:
        return None
    found = listing.known(operation.contact_id)
    if found is None:
        message = "the contact is not in the directory any more"
        return Change(operation.id, status, Status.FAILED, code=NO_CONTACT, message=message)
    pairs = operation.wanted.items()
    if all(_shows(found, name, new) and not _waits(found, old) for name, (old, new) in pairs):
        return Change(operation.id, status, Status.DONE, after(operation), then=then(operation), code="ok")
    if all(_shows(found, name, old) for name, (old, _) in pairs) and (code != ALREADY_USED or operation.tries < LOOKS):
        return Change(operation.id, status, Status.PENDING, code=code)
    told = "; ".join(f"{name} was {old}, was to be {new}" for name, (old, new) in pairs)
    why = "its name is taken" if code == ALREADY_USED else "the directory shows neither"
    return Change(operation.id, status, Status.FAILED, code=code or "Changed", message=f"{why}: {told}")


def _shows(found: Listed, name: str, value: str | None) -> bool:
    """Whether the directory has a value, or has it waiting to be verified."""
    if name == "message_types":
        return set(found.message_types) == set((value or "").split(LIST_SEPARATOR))
    has = getattr(found, name) or None
    if name == "email_address" and value is not None:
        return has is not None and (has.casefold() == value.casefold() or _waits(found, value))
    return bool(has == value) or (name == "phone_number" and _waits(found, value))


def _waits(found: Listed, value: str | None) -> bool:
    return value is not None and value.casefold() in [target.casefold() for target in found.pending]


def _settle_delete(operation: Operation, status: Status, code: str | None, listing: Listing) -> Change | None:
    found = listing.known(operation.contact_id)
    if found is None:
        return Change(operation.id, status, Status.DONE, State.DELETED, code="ok")
    if status is Status.PENDING:
        return None  # the directory carries it out, and is asked how far it is
    if found.status == DELETING:
        message = "the directory is carrying it out"
        return Change(operation.id, status, Status.PENDING, code=DELETING, message=message, reason="deleting")
    return Change(operation.id, status, Status.PENDING, code=code)


def asks_for_targets(unsettled: Sequence[Unsettled], listing: Listing) -> bool:
    """Whether what waits to be verified tells more of what is unsettled than the listing does."""
    for operation, status, _ in unsettled:
        found = listing.known(operation.contact_id)
        if status is not Status.IN_DOUBT or found is None:
            continue
        other = found.email_address.casefold() != operation.values.email_address.casefold()
        changed = operation.kind is Kind.UPDATE and {"email_address", "phone_number"} & set(operation.wanted)
        if changed or (operation.kind is Kind.SEND_EMAIL and other):
            return True
    return False


SETTLING = {
    Kind.ADD: _settle_add,
    Kind.SEND_PHONE: _settle_message,
    Kind.UPDATE: _settle_update,
    Kind.DELETE: _settle_delete,
}


def _failed(operation: Operation, status: Status, code: str, message: str) -> Change:
    return Change(operation.id, status, Status.FAILED, State.FAILED, code=code, message=message)
