"""Answers as no client wants them: what each fault does to a connection."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from importer.emulator.faults import Fault
from importer.emulator.service import Reply

JSON = "application/json;charset=utf-8"
_HTML = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><h1>502 Bad Gateway</h1></body>\r\n</html>"
_HOUR = 3600.0
_CHUNK = 64 * 1024

Mangle = Callable[[web.BaseRequest, Reply, Fault], Awaitable[web.StreamResponse]]


class Mangler:
    """Sends a reply as its fault has it; `stop` ends those that would go on for ever."""

    def __init__(self) -> None:
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        self._stopped.set()

    async def send(self, http: web.BaseRequest, reply: Reply, fault: Fault) -> web.StreamResponse:
        ways: dict[str, Mangle] = {
            "close": self._close,
            "hang": self._hang,
            "truncated": self._truncate,
            "slow": self._trickle,
            "huge": self._flood,
        }
        if fault.kind in ways:
            return await ways[fault.kind](http, reply, fault)
        return _whole(reply, fault)

    async def _close(self, http: web.BaseRequest, _reply: Reply, _fault: Fault) -> web.StreamResponse:
        if http.transport is not None:
            http.transport.abort()  # a transport that is merely closing would still send
        return web.Response()

    async def _hang(self, http: web.BaseRequest, reply: Reply, fault: Fault) -> web.StreamResponse:
        await self._wait(http, fault.seconds or _HOUR)
        return await self._close(http, reply, fault)

    async def _truncate(self, http: web.BaseRequest, reply: Reply, _fault: Fault) -> web.StreamResponse:
        body = _dump(reply.body)
        response = await _begin(http, len(body), reply)
        await response.write(body[: len(body) // 2])
        if http.transport is not None:
            http.transport.close()
        return response

    async def _trickle(self, http: web.BaseRequest, reply: Reply, fault: Fault) -> web.StreamResponse:
        body = _dump(reply.body)
        response = await _begin(http, len(body), reply)
        for at in range(len(body)):
            if await self._wait(http, fault.seconds or 1.0):
                return await self._close(http, reply, fault)
            await response.write(body[at : at + 1])
        return response

    async def _flood(self, http: web.BaseRequest, reply: Reply, fault: Fault) -> web.StreamResponse:
        body = _dump(reply.body)
        response = await _begin(http, fault.size + len(body), reply)
        left, blank = fault.size, b" " * _CHUNK
        while left and not self._stopped.is_set():
            await response.write(blank[: min(left, _CHUNK)])
            left -= min(left, _CHUNK)
        await response.write(body)
        return response

    async def _wait(self, http: web.BaseRequest, seconds: float) -> bool:
        """Wait; true when there is nobody left to wait for."""
        step = 0.25
        while seconds > 0:
            try:
                await asyncio.wait_for(self._stopped.wait(), min(step, seconds))
            except TimeoutError:
                seconds -= step
            if self._stopped.is_set() or http.transport is None or http.transport.is_closing():
                return True
        return False


def _whole(reply: Reply, fault: Fault) -> web.Response:
    """The faults that are one answer, sent in one piece."""
    headers = {"Content-Type": JSON, "x-acs-request-id": reply.request_id}
    if fault.kind == "html":
        return web.Response(status=502, body=_HTML, content_type="text/html")
    if fault.kind == "redirect":
        return web.Response(status=fault.status or 302, headers={"Location": fault.location})
    if fault.kind == "garbage":
        return web.Response(body=b"\x00\xff{]\x80\xfe<!", headers=headers)
    if fault.kind == "empty":
        return web.Response(body=b"", headers=headers)
    if fault.kind == "types":
        return web.Response(body=_dump(_mistyped(reply)), headers=headers)
    return web.Response(body=_dump({"RequestId": reply.request_id}), headers=headers)  # bare


def _mistyped(reply: Reply) -> dict[str, object]:
    """Every value of another type than documented."""
    wrong: dict[str, object] = {"RequestId": 17, "TotalCount": "many", "Contacts": "none", "Contact": []}
    return {**dict.fromkeys(reply.body), **wrong}


async def _begin(http: web.BaseRequest, size: int, reply: Reply) -> web.StreamResponse:
    headers = {"Content-Type": JSON, "Content-Length": str(size), "x-acs-request-id": reply.request_id}
    response = web.StreamResponse(status=reply.status, headers=headers)
    await response.prepare(http)
    return response


def _dump(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
