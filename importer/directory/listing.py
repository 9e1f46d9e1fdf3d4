"""The directory as it stands: every contact, page by page, although it may change under the reader."""

import random as dice
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import anyio
from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_after_attempt

from importer.directory import Caller, Listed, Parameters
from importer.directory.codes import GET, LIST, VERIFICATIONS
from importer.directory.outcome import fault, plain, refusal
from importer.model.errors import TryLater
from importer.model.operation import Answer, Outcome

PASSES = 6  # readings of a directory that changes while it is read
PAGES = 20_000  # of one reading: more is a server that counts wrong
LONGEST = 120.0  # seconds that a server may ask a reader to wait
_AGAIN = (Outcome.RESEND, Outcome.THROTTLE, Outcome.CONFLICT, Outcome.DOUBT)

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Calls that only read, repeated until an answer comes that repeating cannot better."""

    caller: Caller
    sleep: Sleep
    random: Callable[[], float]
    attempts: int

    async def read(self, action: str, parameters: Parameters) -> Answer:
        retrying = AsyncRetrying(
            sleep=self.sleep,
            stop=stop_after_attempt(self.attempts),
            wait=self._pause,
            retry=retry_if_result(_worth_repeating),
            retry_error_callback=_result,
        )
        answer: Answer = await retrying(self.caller.call, action, parameters)
        return answer

    def _pause(self, state: RetryCallState) -> float:
        wait = _result(state).wait
        backoff = min(0.25 * 2.0**state.attempt_number, 15.0) * (0.5 + self.random() / 2)
        return backoff if wait is None else wait + backoff * self.random() / 4


Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class _Kind(Generic[Found]):
    """What is listed: by which action, under which name, and what each of its items is."""

    action: str
    items: str
    what: str
    read: Callable[[Any], tuple[Hashable, Found]]  # an item's own key, and its value


@dataclass(slots=True)
class _Pass(Generic[Found]):
    """One reading of all pages, and whether the directory held still for it."""

    kind: _Kind[Found]
    found: dict[Hashable, Found] = field(default_factory=dict)
    rows: int = 0
    total: int | None = None
    shrank: bool = False

    def take(self, body: dict[str, Any]) -> bool:
        """Add a page; whether it was the last."""
        total = body["TotalCount"]
        page = [self.kind.read(item) for item in body.get(self.kind.items) or ()]
        self.shrank |= self.total is not None and total < self.total
        self.total = total
        self.rows += len(page)
        self.found.update(page)
        return not page or self.rows >= total

    @property
    def whole(self) -> bool:
        """Contacts added meanwhile only shift others to later pages; one deleted may hide another."""
        return not self.shrank and len(self.found) == self.total


async def listing(
    caller: Caller,
    *,
    page_size: int = 100,
    sleep: Sleep = anyio.sleep,
    random: Callable[[], float] = dice.random,
    attempts: int = 8,
) -> list[Listed]:
    """Every contact of the directory, in its order.

    ``attempts`` of one page before it is given up. Raises `FixAccess` when the directory refuses, with what
    to do, and `TryLater` when it does not answer, or does not hold still for `PASSES` readings.
    """
    return await _whole(_Reader(caller, sleep, random, attempts), CONTACTS, page_size)


async def verifications(
    caller: Caller,
    *,
    page_size: int = 100,
    sleep: Sleep = anyio.sleep,
    random: Callable[[], float] = dice.random,
    attempts: int = 8,
) -> set[tuple[str, str]]:
    """What still waits to be verified: pairs of a contact's id and an address or number. Raises as `listing`."""
    found = await _whole(_Reader(caller, sleep, random, attempts), TARGETS, page_size)
    return set(found)


async def _whole(reader: _Reader, kind: _Kind[Found], page_size: int) -> list[Found]:
    for attempt in range(PASSES):
        if attempt:
            await reader.sleep(0.2 * attempt * (0.5 + reader.random() / 2))
        reading = await _pass(reader, kind, page_size)
        if reading.whole:
            return list(reading.found.values())
    raise _later(fault(LIST, "ListingUnstable", sent=True), kind.what)


async def contact(
    caller: Caller,
    contact_id: str,
    *,
    sleep: Sleep = anyio.sleep,
    random: Callable[[], float] = dice.random,
    attempts: int = 4,
) -> Listed | Answer | None:
    """One contact as it stands; ``None`` when the directory does not know it; any other answer as it came."""
    answer = await _Reader(caller, sleep, random, attempts).read(GET, {"ContactId": contact_id})
    if answer.outcome is Outcome.DONE and answer.body is not None:
        return listed(answer.body["Contact"])
    return None if answer.code == "EntityNotExists.Contact" else answer


def listed(contact: Any) -> Listed:
    """A contact of the API's JSON; what is missing or no text is empty."""
    types = contact.get("MessageTypes")
    return Listed(
        contact_id=contact["ContactId"],
        name=plain(contact.get("Name")),
        email_address=plain(contact.get("EmailAddress")),
        phone_number=plain(contact.get("PhoneNumber")) or None,
        title=plain(contact.get("Title")),
        message_types=tuple(plain(value) for value in types) if isinstance(types, list) else (),
        status=plain(contact.get("Status")),
    )


def _item(contact: Any) -> tuple[Hashable, Listed]:
    found = listed(contact)
    return found.contact_id, found


def _target(item: Any) -> tuple[Hashable, tuple[str, str]]:
    pair = (item["ContactId"], plain(item.get("Target")))
    return pair, pair


CONTACTS = _Kind(LIST, "Contacts", "the directory", _item)
TARGETS = _Kind(VERIFICATIONS, "ContactVerifications", "what waits to be verified", _target)


async def _pass(reader: _Reader, kind: _Kind[Found], page_size: int) -> _Pass[Found]:
    reading = _Pass(kind)
    for number in range(1, PAGES + 1):
        answer = await reader.read(kind.action, {"PageNumber": number, "PageSize": page_size})
        if answer.outcome is not Outcome.DONE or answer.body is None:
            raise _unread(answer, kind)
        if reading.take(answer.body):
            break
    return reading


def _worth_repeating(answer: Answer) -> bool:
    return answer.outcome in _AGAIN and (answer.wait is None or answer.wait <= LONGEST)


def _result(state: RetryCallState) -> Answer:
    assert state.outcome is not None
    answer: Answer = state.outcome.result()
    return answer


def _unread(answer: Answer, kind: _Kind[Any]) -> Exception:
    return _later(answer, kind.what) if answer.outcome in _AGAIN else refusal(kind.action, answer)


def _later(answer: Answer, what: str) -> TryLater:
    why = refusal(LIST, answer)
    wait = f"; the server asks to wait {answer.wait:.0f} s" if answer.wait else ""
    return TryLater(f"{what} could not be listed: {why.message}{wait}", hint=why.hint, code=answer.code)
