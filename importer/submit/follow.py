"""Following deletes that the directory carries out in its own time, each to its end."""

from dataclasses import dataclass
from typing import Any

from importer.directory import Caller
from importer.directory.codes import DELETION
from importer.directory.listing import contact
from importer.ledger.values import Change
from importer.model.operation import Answer, Kind, Operation, Outcome, State, Status
from importer.submit.course import Course
from importer.submit.decide import NO_CONTACT

PATIENCE = 60.0  # seconds; what takes longer is asked after by the next sync
PAUSE = (0.5, 8.0)  # seconds between looks: the first, and the longest


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a delete: done, refused with the reason, or (``None``) not decided yet."""

    done: bool | None
    message: str | None = None


async def follow(course: Course, patience: float = PATIENCE) -> None:
    """Ask after each delete that is under way in the directory until it has ended; raises `Halted`."""
    directory = course.lease.directory
    unsettled = await course.desk.do(lambda ledger: ledger.unsettled(directory))
    waiting = [
        operation for operation, status, _ in unsettled if operation.kind is Kind.DELETE and status is Status.PENDING
    ]
    ends, pause = course.clock.ticks() + patience, PAUSE[0]
    while waiting:
        waiting = await _look(course, waiting)
        if not waiting or course.halted or course.clock.ticks() >= ends:
            break
        await course.nap(pause)
        pause = min(pause * 2, PAUSE[1])
    reason = "deleting" if waiting else None
    await course.desk.do(lambda ledger: ledger.defer(course.lease, Kind.DELETE, reason))


async def _look(course: Course, waiting: list[Operation]) -> list[Operation]:
    """Those that are under way still; what became of the others is written down."""
    changes, left = [], []
    for operation in waiting:
        told = fate(await course.call(DELETION, {"ContactId": operation.contact_id}))
        if told.done and await _listed(course.caller, operation, course):
            told = Fate(done=False, message="the directory has the contact still, and deletes it no more")
        if told.done is None:
            left.append(operation)
            continue
        change = _change(operation, told, course.clock.now())
        course.count(Kind.DELETE, change.status)
        changes.append(change)
    if changes:
        await course.desk.do(lambda ledger: ledger.record(course.lease, course.run, changes))
    return left


async def _listed(caller: Caller, operation: Operation, course: Course) -> bool:
    """Whether the contact is there still: a directory that was never asked to delete one says so in the same words."""
    found = await contact(caller, operation.contact_id or "", sleep=course.nap, random=course.random.random)
    return found is not None


def fate(answer: Answer) -> Fate:
    """What GetMessageContactDeletionStatus tells."""
    if answer.code == NO_CONTACT:
        return Fate(done=True)
    status: Any = (answer.body or {}).get("ContactDeletionStatus")
    if answer.outcome is not Outcome.DONE or not isinstance(status, dict) or status.get("Status") != "Failed":
        return Fate(done=None)
    reasons = status.get("FailReasonList")
    members = [str(one.get("AccountId")) for one in reasons or () if isinstance(one, dict)]
    where = f" in {', '.join(members)}" if members else ""
    return Fate(done=False, message=f"the directory could not delete it{where}")


def _change(operation: Operation, told: Fate, at: float) -> Change:
    if told.done:
        return Change(operation.id, Status.PENDING, Status.DONE, State.DELETED, code="ok", at=at)
    code = "DeletionFailed"
    return Change(operation.id, Status.PENDING, Status.FAILED, code=code, message=told.message, at=at)
