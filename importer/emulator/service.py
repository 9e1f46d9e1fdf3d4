"""The service behind the gateway: rate, one write at a time, faults, the deed, its durability; no HTTP."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import ceil
from random import Random
from typing import Any

from importer.emulator.directory import Directory
from importer.emulator.errors import RECOMMEND, Refusal
from importer.emulator.faults import Fault, Faults
from importer.emulator.fields import Parameters, Values
from importer.emulator.operations import OPERATIONS, Body, perform

CALLS_KEPT = 100


@dataclass(slots=True)
class Reply:
    """An answer: its HTTP status, body and further headers; ``code`` is ``ok`` or the API's code.

    With a ``fault``, the answer reaches nobody as it is: the transport spoils it as the fault says.
    """

    status: int
    code: str
    body: Body
    request_id: str
    headers: dict[str, str] = field(default_factory=dict)
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is answered: the request's id, the host it was sent to; by which key, in which directory, and since when."""

    request_id: str
    host: str
    directory: str = ""
    key: str = ""
    began: float | None = None


class Rate:
    """At most ``calls_per_second`` calls of one operation and account over any one second."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, str], deque[float]] = {}

    def take(self, account: str, action: str, rate: float, now: float) -> float:
        """Seconds to wait; 0 lets the call in."""
        most = max(1, int(rate))
        times = self._times.setdefault((account, action), deque())
        while times and times[0] <= now - most / rate:
            times.popleft()
        if len(times) >= most:
            return times[0] + most / rate - now
        times.append(now)
        return 0.0


class Service:
    """Answers calls for its directories, by name; ``sleep`` and ``monotonic`` may be virtual.

    ``settle`` makes durable what the journal holds; it is awaited before each answer. The last ``kept`` calls are
    remembered: who made them, and when they came and were answered, by ``monotonic``.
    """

    def __init__(
        self,
        directories: dict[str, Directory],
        *,
        random: Random,
        faults: Faults | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        settle: Callable[[], Awaitable[None]] | None = None,
        kept: int = CALLS_KEPT,
    ) -> None:
        self.directories = directories
        self.random = random
        self.faults = faults or Faults()
        self.calls: Counter[tuple[str, str]] = Counter()
        self.last: deque[dict[str, Any]] = deque(maxlen=kept)
        self._sleep = sleep
        self._monotonic = monotonic
        self._settle = settle
        self._rate = Rate()
        self._writing: Counter[str] = Counter()

    async def call(
        self, action: str, values: Values, directory: str = "default", host: str = "", *, key: str = ""
    ) -> Reply:
        """One call by the owner of a directory; refusals and faults are replies."""
        request_id = self.request_id()
        caller = Caller(request_id, host, directory, key, self._monotonic())
        delay, fault = self.faults.pick(action) if self.faults.tallies else (0.0, None)
        if delay:
            await self._sleep(delay)
        if fault is None:
            return await self._try(action, values, caller)
        if fault.does:
            reply = await self._try(action, values, caller, quiet=True)
        else:
            reply = Reply(200, "ok", {"RequestId": request_id}, request_id)
        refusal = _refusal(fault)
        if refusal is not None:
            return self.refuse(refusal, action, caller)
        self.count(action, f"fault {fault.kind}", 0, caller)
        reply.fault = fault
        return reply

    async def _try(self, action: str, values: Values, caller: Caller, *, quiet: bool = False) -> Reply:
        try:
            body = await self._answer(action, values, caller.directory, caller.request_id)
        except Refusal as refusal:
            return self.refuse(refusal, action, caller, quiet=quiet)
        finally:
            if self._settle is not None:
                await self._settle()
        if not quiet:
            self.count(action, "ok", 200, caller)
        return Reply(200, "ok", {"RequestId": caller.request_id, **body}, caller.request_id)

    async def _answer(self, action: str, values: Values, name: str, request_id: str) -> Body:
        directory = self._directory(name)
        limits = directory.limits
        if limits.calls_per_second:
            wait = self._rate.take(name, action, limits.calls_per_second, self._monotonic())
            if wait:
                raise _throttled(directory, wait)
        operation = OPERATIONS.get(action)
        if operation is None or not operation.writes:
            return perform(directory, action, values, request_id)
        if limits.concurrent_writes and self._writing[name] >= limits.concurrent_writes:
            raise Refusal("ConcurrentCallNotSupported")
        self._writing[name] += 1
        try:
            if limits.service_time:
                operation.check(directory, Parameters(values))
                await self._sleep(limits.service_time)
            body = perform(directory, action, values, request_id)
            if self._settle is not None:
                await self._settle()
            return body
        finally:
            self._writing[name] -= 1

    def _directory(self, name: str) -> Directory:
        if name not in self.directories:
            raise Refusal("EntityNotExists.ResourceDirectory")
        return self.directories[name]

    def refuse(self, refusal: Refusal, action: str, caller: Caller, *, quiet: bool = False) -> Reply:
        """A refusal as an answer; counted, unless ``quiet``: then a fault will hide it."""
        if not quiet:
            self.count(action, refusal.code, refusal.status, caller)
        body: Body = {
            "RequestId": caller.request_id,
            "HostId": caller.host,
            "Code": refusal.code,
            "Message": refusal.message,
            "Recommend": RECOMMEND.format(code=refusal.code, request=caller.request_id),
        }
        if refusal.detail:
            body["AccessDeniedDetail"] = refusal.detail
        return Reply(refusal.status, refusal.code, body, caller.request_id, refusal.headers)

    def count(self, action: str, code: str, status: int, caller: Caller) -> None:
        action = action if action in OPERATIONS else "-"
        self.calls[action, code] += 1
        ended = self._monotonic()
        self.last.append(
            {
                "directory": caller.directory,
                "key": caller.key,
                "action": action,
                "code": code,
                "status": status,
                "request_id": caller.request_id,
                "began": ended if caller.began is None else caller.began,
                "ended": ended,
            }
        )

    def request_id(self) -> str:
        digits = f"{self.random.getrandbits(128):032X}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _throttled(directory: Directory, wait: float) -> Refusal:
    limits = directory.limits
    headers = {"x-acs-retry-after": str(ceil(wait * 1000))} if limits.throttle_retry_after else {}
    return Refusal("Throttling.User", status=limits.throttle_status, headers=headers)


def _refusal(fault: Fault) -> Refusal | None:
    """The faults that look like any answer of the API; the others need a connection to spoil."""
    if fault.kind == "500":
        return Refusal("InternalError")
    if fault.kind == "503":
        return Refusal("ServiceUnavailable")
    if fault.kind == "conflict":
        return Refusal("ConcurrentCallNotSupported")
    if fault.kind != "error":
        return None
    refusal = Refusal(fault.code, status=fault.status or None, headers=dict(fault.headers))
    refusal.message = fault.message or refusal.message
    return refusal
