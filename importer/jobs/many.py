"""Many: the same job in several directories side by side, on one ledger; one that stops does not stop the others."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import anyio

from importer.directory.credentials import CredentialSource
from importer.directory.endpoint import endpoint_url
from importer.jobs import connect
from importer.model.clock import Clock
from importer.model.errors import FixAccess, FixCommand, ImporterError, Interrupted, unforeseen
from importer.report.joint import Joint
from importer.report.summary import Summary
from importer.settings import Settings
from importer.submit.course import Course, Desk

Watch = Callable[[Course], None]


class Work(Protocol):
    """Does the job in one directory, and tells ``watch`` of its course before the first call."""

    def __call__(
        self, desk: Desk, clock: Clock, credentials: CredentialSource | None, *, watch: Watch
    ) -> Awaitable[Summary]: ...


@dataclass(frozen=True, slots=True)
class Errand:
    """What is to be done in one directory. ``barred``: what is to be told of it when ``work`` raised that error."""

    settings: Settings
    work: Work
    barred: Callable[[Desk, ImporterError], Awaitable[Summary]]


async def many(command: str, errands: Sequence[Errand], *, watch: Watch | None = None) -> Joint:
    """Every errand, as many at once as the settings of the first say; a summary of each. Raises `FixCommand`.

    ``watch`` gets each directory's course; once one of them has a signal, no further directory is begun.
    """
    refuse([errand.settings for errand in errands])
    first = errands[0].settings
    crowd = _Crowd(watch)
    # One that waits for tomorrow, or for another run, must not keep the others from their work.
    waits = any(errand.settings.wait or errand.settings.wait_for_lease for errand in errands)
    places = anyio.CapacityLimiter(len(errands) if waits else first.at_once)
    found: dict[int, Summary] = {}
    async with connect.ledger(first) as desk, anyio.create_task_group() as group:

        async def one(number: int, errand: Errand) -> None:
            async with places:
                found[number] = await _done(errand, desk, crowd)

        for number, errand in enumerate(errands):
            group.start_soon(one, number, errand)
    return Joint(command, tuple(found[number] for number in sorted(found)))


class _Crowd:
    """What the errands under way know of each other."""

    def __init__(self, watch: Watch | None) -> None:
        self._watch = watch
        self._courses: list[Course] = []
        self._holders: dict[tuple[str, str], str] = {}

    def watch(self, course: Course) -> None:
        self._courses.append(course)
        if self._watch is not None:
            self._watch(course)

    @property
    def signal(self) -> int | None:
        """The signal that stopped one of them."""
        return next((course.signal for course in self._courses if course.signal is not None), None)

    async def claim(self, settings: Settings, credentials: CredentialSource) -> None:
        """Raises `FixAccess` when another profile calls the same directory with the same key."""
        keys = await credentials.get()
        holder = self._holders.setdefault((endpoint_url(settings.endpoint), keys.access_key_id), settings.profile)
        if holder != settings.profile:
            raise FixAccess(
                f"its key is that of the profile {holder}, at the same endpoint: they are one directory",
                hint="give it credentials of its own, or take one of the two profiles out",
                code="SameDirectory",
            )


async def _done(errand: Errand, desk: Desk, crowd: _Crowd) -> Summary:
    if crowd.signal is not None:
        return await errand.barred(desk, Interrupted("it was stopped before this one was begun", signal=crowd.signal))
    begun: list[Course] = []

    def watch(course: Course) -> None:
        begun.append(course)
        crowd.watch(course)

    try:
        credentials = await connect.admitted(errand.settings)
        if credentials is not None:
            await crowd.claim(errand.settings, credentials)
        clock = Clock.starting(errand.settings.now)
        return await errand.work(desk, clock, credentials, watch=watch)
    except ImporterError as error:
        return _called(await errand.barred(desk, error), begun)
    except Exception as error:  # noqa: BLE001  a mistake of ours in one directory is no reason to leave the others
        return _called(await errand.barred(desk, unforeseen(error)), begun)


def _called(summary: Summary, begun: Sequence[Course]) -> Summary:
    """The summary with the calls that were made until it stopped, if it came so far."""
    for course in begun:
        calls = {action: dict(codes) for action, codes in course.tally.calls.items()}
        return replace(summary, run=course.run, calls=calls)
    return summary


def refuse(family: Sequence[Settings]) -> None:
    """Raises `FixCommand` with everything for which the profiles cannot be used together."""
    faults: list[str] = []
    places: dict[object, str] = {}
    for settings in family:
        name = settings.profile
        if settings.ledger != family[0].ledger:
            faults.append(f"profile {name}: its ledger is not that of {family[0].profile}")
        if settings.emulator:
            continue
        try:
            url = endpoint_url(settings.endpoint)
        except FixCommand as error:
            faults.append(f"profile {name}: {error.message}")
            continue
        twin = places.setdefault((url, settings.credentials), name)
        if twin != name:
            faults.append(f"the profiles {twin} and {name} are one directory: same endpoint, same credentials")
    if faults:
        hint = "every directory needs an endpoint and credentials of its own, and all of them one ledger"
        raise FixCommand("; ".join(faults), hint=hint)
