"""Who is verified, who is silent since when, and who is sent to once more today; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from importer.ledger.values import Change, Chase
from importer.model.operation import Kind, State, Status
from importer.model.standing import Followed, Place, Standing, Way
from importer.submit.reconcile import Listing

Targets = frozenset[tuple[str, str]]  # a contact's id, and an address or number of it that waits to be verified


@dataclass(frozen=True, slots=True)
class Policy:
    """When a silent contact is sent to once more: ``after`` seconds since the last time, ``most`` times."""

    after: float
    most: int
    lag: float = 0.0  # seconds for which a new contact may be missing from the listing


@dataclass(frozen=True, slots=True)
class Sight:
    """The directory as just seen ``now``: its listing, and what in it waits to be verified."""

    listing: Listing
    targets: Targets
    now: float

    def waits(self, contact: Followed, target: str | None) -> bool:
        return (contact.contact_id, (target or "").casefold()) in self.targets

    @classmethod
    def of(cls, listing: Listing, targets: Iterable[tuple[str, str]], now: float) -> "Sight":
        return cls(listing, frozenset((number, target.casefold()) for number, target in targets), now)


def arrived(followed: Sequence[Followed], sight: Sight) -> list[int]:
    """Contacts, by the ledger's number, that the directory calls verified with the address that the ledger has."""
    return [one.contact for one in followed if _active(one, sight) and one.verified_at is None]


def answered(followed: Sequence[Followed], sight: Sight) -> list[Change]:
    """Messages that need not be sent, or were carried out after all: their numbers wait for no verification."""
    return [
        Change(one.phone.operation, one.phone.status, Status.DONE, code="ok", at=sight.now)
        for one in followed
        if one.phone is not None
        and one.phone.status in (Status.PENDING, Status.IN_DOUBT)
        and _listed(one, sight)
        and not sight.waits(one, one.phone_number)
    ]


def due(followed: Sequence[Followed], sight: Sight, policy: Policy) -> list[Chase]:
    """Who is to be sent to once more by now, the longest silent first; of phones, who is to be sent to at all."""
    silent: list[tuple[float, Chase]] = []
    for one in followed:
        if one.state is State.SENT and sight.waits(one, one.email_address) and _silent(one.mail, sight, policy):
            silent.append((_last(one.mail), Chase(one.contact, Kind.SEND_EMAIL, _operation(one.mail))))
        if (
            one.state in (State.SENT, State.VERIFIED)
            and one.phone_number
            and sight.waits(one, one.phone_number)
            and (one.phone is None or _silent(one.phone, sight, policy))
        ):
            silent.append((_last(one.phone), Chase(one.contact, Kind.SEND_PHONE, _operation(one.phone))))
    return [chase for _, chase in sorted(silent, key=lambda pair: pair[0])]


def affordable(chases: Sequence[Chase], left: dict[Kind, int]) -> list[Chase]:
    """As many of each kind as the day has left, the first ones first."""
    chosen: list[Chase] = []
    rest = dict(left)
    for chase in chases:
        if rest.get(chase.kind, 0) > 0:
            rest[chase.kind] -= 1
            chosen.append(chase)
    return chosen


def standing(one: Followed, sight: Sight, policy: Policy) -> Standing:
    """Where a contact is; what cannot be told is left to a person, never guessed."""
    phone = _phone(one, sight, policy)
    next_phone = _next(one.phone, policy) if phone == "waiting" else None
    place, reason = _place(one, sight, policy)
    first = one.mail.first_at if one.mail else None
    next_mail = _next(one.mail, policy) if place is Place.WAITING else None
    return Standing(
        one,
        place,
        reason,
        one.verified_at if place is Place.VERIFIED else first,
        min((at for at in (next_mail, next_phone) if at is not None), default=None),
        phone,
    )


def _place(one: Followed, sight: Sight, policy: Policy) -> tuple[Place, str]:
    if reason := _astray(one, sight, policy):
        return Place.PERSON, reason
    if one.state is State.VERIFIED:
        return Place.VERIFIED, ""
    if one.state is State.FAILED:
        told = one.mail or one.phone
        words = ": ".join(word for word in (told and told.code, told and told.message) if word)
        return Place.PERSON, f"the mail could not be sent: {words}" if words else "the mail could not be sent"
    if one.state is State.IN_DOUBT:
        return Place.PERSON, "in doubt: whether the mail went out could not be learned"
    way = one.mail
    if one.state is State.SENT and way and _spent(way, policy) and sight.now - _last(way) >= policy.after:
        return Place.PERSON, f"silent: {1 + way.reminded} mails and no answer"
    return Place.WAITING, ""


def _astray(one: Followed, sight: Sight, policy: Policy) -> str:
    """What the directory says that the ledger did not expect; nothing where they agree."""
    found = sight.listing.known(one.contact_id)
    if found is None:
        mailed = one.mail.last_at if one.mail else None
        young = mailed is None or sight.now - mailed <= policy.lag
        return "" if young and one.state is not State.VERIFIED else "gone: the directory does not list it any more"
    if found.status == "Deleting":
        return "gone: the directory is deleting it"
    if found.email_address.casefold() != one.email_address.casefold():
        return "" if sight.waits(one, one.email_address) else "changed: the directory has another address for it"
    if one.state is State.VERIFIED and found.status != "Active":
        return f"changed: it was verified, and the directory calls it {found.status} now"
    return ""


def _listed(one: Followed, sight: Sight) -> bool:
    found = sight.listing.known(one.contact_id)
    return found is not None and found.phone_number == one.phone_number


def _active(one: Followed, sight: Sight) -> bool:
    found = sight.listing.known(one.contact_id)
    same = found is not None and found.email_address.casefold() == one.email_address.casefold()
    return found is not None and same and found.status == "Active"


def _phone(one: Followed, sight: Sight, policy: Policy) -> str:
    if not one.phone_number:
        return ""
    if not sight.waits(one, one.phone_number):
        return "verified" if _listed(one, sight) else "unknown"
    if one.phone is not None and one.phone.status in (Status.FAILED, Status.IN_DOUBT):
        return one.phone.status.value
    if one.phone is not None and _spent(one.phone, policy) and sight.now - _last(one.phone) >= policy.after:
        return "silent"
    return "waiting"


def _silent(way: Way | None, sight: Sight, policy: Policy) -> bool:
    """Whether the last send is so long ago that one more is due."""
    return (
        way is not None
        and way.status is Status.DONE
        and way.last_at is not None
        and way.reminder < policy.most
        and sight.now - way.last_at >= policy.after
    )


def _spent(way: Way, policy: Policy) -> bool:
    return way.status is Status.DONE and way.reminder >= policy.most


def _next(way: Way | None, policy: Policy) -> float | None:
    """When the silence will have lasted long enough for something to be done about it."""
    return way.last_at + policy.after if way is not None and way.last_at is not None else None


def _last(way: Way | None) -> float:
    return way.last_at if way is not None and way.last_at is not None else 0.0


def _operation(way: Way | None) -> int | None:
    return None if way is None else way.operation
