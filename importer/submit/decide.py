"""From the answer to one call to what is written down and what happens next; pure."""

from enum import StrEnum
from typing import NamedTuple

from importer.ledger.values import DELETING, Change
from importer.model.operation import Answer, Attempt, Kind, Operation, Outcome, State, Status

RESENDS = 2  # of a mail whose sending was in doubt: each may cost a mail and a unit of the day's limit
SENDS = (Kind.SEND_EMAIL, Kind.SEND_PHONE)
CHANGES = (Kind.UPDATE, Kind.DELETE)  # of contacts that are there: whatever comes of one, they stand as they stood
NO_CONTACT = "EntityNotExists.Contact"


class Next(StrEnum):
    """What the lane does after an attempt."""

    ON = "on"  # take the next operation
    AGAIN = "again"  # wait, then try this one again
    CLOSE = "close"  # no more of this kind for now; the change's reason says why
    STOP = "stop"  # nothing can succeed: end the run


class Decision(NamedTuple):
    """The change to write down, and what to do next."""

    change: Change
    next: Next


AFTER_DONE = {Kind.ADD: State.ADDED, Kind.SEND_EMAIL: State.SENT, Kind.DELETE: State.DELETED}
CLOSES = {Outcome.FULL: "max-contacts", Outcome.DAILY: "daily-sends"}


def decide(operation: Operation, answer: Answer, attempt: Attempt, *, doubts: int) -> Decision:
    """``doubts``: how many earlier attempts at the operation may have been carried out."""
    match answer.outcome:
        case Outcome.DONE if operation.kind is Kind.DELETE and (answer.body or {}).get("Status") == DELETING:
            return Decision(_being_deleted(operation, attempt), Next.ON)
        case Outcome.DONE:
            change = _change(
                operation,
                attempt,
                Status.DONE,
                after(operation),
                contact_id=contact_id(answer),
                then=then(operation),
            )
            return Decision(change, Next.ON)
        case Outcome.ROW if operation.kind is Kind.DELETE and answer.code == NO_CONTACT:
            return Decision(_change(operation, attempt, Status.DONE, State.DELETED), Next.ON)
        case Outcome.ROW:
            return Decision(_change(operation, attempt, Status.FAILED, _of(operation, State.FAILED)), Next.ON)
        case Outcome.DOUBT | Outcome.LOOK:
            return Decision(_change(operation, attempt, Status.IN_DOUBT, _of(operation, State.IN_DOUBT)), Next.ON)
        case Outcome.STOP:
            return Decision(_change(operation, attempt, Status.PENDING), Next.STOP)
        case Outcome.FULL | Outcome.DAILY:
            reason = CLOSES[answer.outcome]
            return Decision(_change(operation, attempt, Status.PENDING, reason=reason), Next.CLOSE)
        case Outcome.RESEND if answer.sent and operation.kind in SENDS and doubts >= RESENDS:
            return Decision(_change(operation, attempt, Status.IN_DOUBT, _of(operation, State.IN_DOUBT)), Next.ON)
        case Outcome.CONFLICT | Outcome.THROTTLE | Outcome.RESEND:
            return Decision(_change(operation, attempt, Status.IN_FLIGHT), Next.AGAIN)


def put_back(operation: Operation, *, at: float, doubtful: bool = False, reason: str | None = None) -> Change:
    """A claimed operation that is not under way waits again; one that may have been done waits for a look."""
    if doubtful:
        state = _of(operation, State.IN_DOUBT)
        return Change(operation.id, Status.IN_FLIGHT, Status.IN_DOUBT, state, reason=reason, at=at)
    return Change(operation.id, Status.IN_FLIGHT, Status.PENDING, reason=reason, at=at)


def after(operation: Operation) -> State | None:
    """Where the contact stands when the operation is done; ``None``: where it stood."""
    if operation.kind is Kind.UPDATE:
        return State.ADDED if "email_address" in operation.wanted else None
    return AFTER_DONE.get(operation.kind)


def then(operation: Operation) -> Kind | None:
    """What a done operation asks for: a new address wants a new verification."""
    mails = operation.kind is Kind.ADD or (operation.kind is Kind.UPDATE and "email_address" in operation.wanted)
    return Kind.SEND_EMAIL if mails else None


def contact_id(answer: Answer) -> str | None:
    """The id that a successful add answers with."""
    contact = (answer.body or {}).get("Contact")
    found = contact.get("ContactId") if isinstance(contact, dict) else None
    return found if isinstance(found, str) else None


def _of(operation: Operation, state: State) -> State | None:
    """The contact's state after an operation, if that is its to say: a message to a phone leaves it as it is."""
    return None if operation.kind in (Kind.SEND_PHONE, *CHANGES) else state


def _being_deleted(operation: Operation, attempt: Attempt) -> Change:
    change = _change(operation, attempt, Status.PENDING, reason="deleting")
    return change._replace(code=DELETING, message="the directory is carrying it out")


def _change(
    operation: Operation,
    attempt: Attempt,
    status: Status,
    state: State | None = None,
    *,
    contact_id: str | None = None,
    then: Kind | None = None,
    reason: str | None = None,
) -> Change:
    return Change(
        operation.id,
        Status.IN_FLIGHT,
        status,
        state,
        attempt,
        contact_id=contact_id,
        then=then,
        code=attempt.code,
        message=attempt.message or None,
        reason=reason,
    )
