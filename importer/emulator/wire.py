"""HTTP to calls and back: reads requests as they came, writes answers with the service's headers."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from importer.emulator.errors import Refusal
from importer.emulator.gateway import Gateway, Request, action_of, parse
from importer.emulator.mangle import Mangler
from importer.emulator.service import Caller, Reply, Service

BODY_MAX = 16 * 2**20
JSON = "application/json;charset=utf-8"
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_BODY_SECONDS = 30.0
_LINE_MAX = 64 * 1024
_LOG = logging.getLogger("importer.emulator")

Aside = Callable[[Request], Awaitable[web.StreamResponse | None]]


class Wire:
    """The handler of an aiohttp server. ``aside`` answers what is not the API: controls, pages, links."""

    def __init__(self, gateway: Gateway, service: Service, aside: Aside) -> None:
        self._gateway = gateway
        self._service = service
        self._aside = aside
        self._mangler = Mangler()

    def server(self) -> web.Server:
        """An aiohttp server whose every answer is ours, even to what is no HTTP."""
        return _Server(
            self.handle,
            refuse=self._refuse,
            access_log=None,
            auto_decompress=False,
            max_line_size=_LINE_MAX,
            max_field_size=_LINE_MAX,
        )

    def stop(self) -> None:
        """Let go of those who are kept waiting by a fault."""
        self._mangler.stop()

    async def handle(self, http: web.BaseRequest) -> web.StreamResponse:
        """Answer anything; what the program itself gets wrong is an InternalError, and logged."""
        host = http.headers.get("host", "")
        try:
            request = await _read(http)
            if not _is_call(request):
                response = await self._aside(request)
                if response is not None:
                    return response
            reply = await self._call(request)
            return respond(reply) if reply.fault is None else await self._mangler.send(http, reply, reply.fault)
        except Refusal as refusal:
            response = respond(self._refuse(refusal, "", host))
            response.force_close()  # part of the request may be unread
            return response
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - a server answers, whatever happened
            _LOG.error("the emulator failed: %s", type(error).__name__)
            return respond(self._refuse(Refusal("InternalError"), "", host))

    async def _call(self, request: Request) -> Reply:
        host = request.headers.get("host", "")
        try:
            admitted = self._gateway.admit(request)
        except Refusal as refusal:
            values = dict(parse(request.target.partition("?")[2]))
            return self._refuse(refusal, action_of(request, values), host)
        key = admitted.key
        return await self._service.call(admitted.action, admitted.values, key.directory, host, key=key.id)

    def _refuse(self, refusal: Refusal, action: str, host: str) -> Reply:
        return self._service.refuse(refusal, action, Caller(self._service.request_id(), host))


class _Server(web.Server):
    def __init__(self, handler: Any, *, refuse: Callable[[Refusal, str, str], Reply], **options: Any) -> None:
        super().__init__(handler, **options)
        self.refuse = refuse
        self.options = options

    def __call__(self) -> web.RequestHandler:
        return _Protocol(self, loop=asyncio.get_running_loop(), **self.options)


class _Protocol(web.RequestHandler):
    """A connection on which a request that cannot be parsed gets an answer of the API's form."""

    __slots__ = ("_refuse",)

    def __init__(self, server: _Server, **options: Any) -> None:
        super().__init__(server, **options)
        self._refuse = server.refuse

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - it need not even be one
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it may quote the request
    ) -> web.StreamResponse:
        malformed = status < 500 or isinstance(exc, HttpProcessingError)
        if not malformed:
            _LOG.error("the emulator failed: %s", type(exc).__name__)
        refusal = Refusal("InvalidParameter" if malformed else "InternalError")
        response = respond(self._refuse(refusal, "", ""))
        response.force_close()
        return response


def _is_call(request: Request) -> bool:
    return request.target.startswith("/?") or "x-acs-action" in request.headers


async def _read(http: web.BaseRequest) -> Request:
    headers: dict[str, str] = {}
    for name, value in http.headers.items():
        lower = name.lower()
        headers[lower] = f"{headers[lower]},{value}" if lower in headers else value
    target = http.raw_path
    if not target.startswith("/"):  # the absolute form, as through a proxy
        target = "/" + target.partition("://")[2].partition("/")[2]
    body = await _body(http) if http.body_exists else b""
    return Request(http.method, target, headers, body, secure=http.secure)


async def _body(http: web.BaseRequest) -> bytes:
    parts, size = [], 0
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for part in http.content.iter_any():
                size += len(part)
                if size > BODY_MAX:
                    raise Refusal("RequestBodyTooLarge")
                parts.append(part)
    except (TimeoutError, web.RequestPayloadError, HttpProcessingError):
        raise Refusal("InvalidParameter") from None
    return b"".join(parts)


def respond(reply: Reply) -> web.Response:
    headers = {"Content-Type": JSON, "x-acs-request-id": reply.request_id, **reply.headers}
    return web.Response(body=dump(reply.body), status=reply.status, headers=headers)


def dump(body: Any) -> bytes:
    return _encode(body).encode("utf-8", "replace")
