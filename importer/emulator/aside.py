"""What the emulator answers beside the API: controls, the page and the links that were mailed."""

import ipaddress
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from importer.emulator import page
from importer.emulator.control import PREFIX, Control, Parts
from importer.emulator.errors import EmulatorError, Refusal
from importer.emulator.gateway import Request
from importer.emulator.wire import JSON, dump

_LINK = "/link/"


class Aside:
    """Controls and the page answer only on a loopback address, to requests that name a loopback host."""

    def __init__(self, parts: Parts, host: str, settle: Callable[[], Awaitable[None]]) -> None:
        self._parts = parts
        self._control = Control(parts)
        self._open = is_loopback(host)
        self._settle = settle

    async def answer(self, request: Request) -> web.StreamResponse | None:
        """`None`: this is for the API."""
        path = request.target.partition("?")[0]
        if request.method == "GET" and path.startswith(_LINK):
            return await self._follow(path.removeprefix(_LINK))
        if not self._open or not _names_loopback(request):
            return None
        if request.method == "GET" and path == "/":
            return _html(page.overview(self._parts))
        if path.startswith(PREFIX):
            return await self._pull(request)
        return None

    async def _pull(self, request: Request) -> web.Response:
        try:
            body = await self._control.answer(request)
            await self._settle()
        except EmulatorError as error:
            body = {"Code": "InvalidParameter", "Message": str(error)}
            return web.Response(status=400, body=dump(body), headers={"Content-Type": JSON})
        return web.Response(body=dump(body), headers={"Content-Type": JSON})

    async def _follow(self, token: str) -> web.Response:
        for directory in self._parts.directories.values():
            if token in directory.mails:
                try:
                    contact = directory.follow(token)
                except Refusal:
                    break
                await self._settle()
                return _html(page.followed(directory.mails[token].target, contact.status))
        return _html(page.unusable(), 410)


def _html(text: str, status: int = 200) -> web.Response:
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)


def _names_loopback(request: Request) -> bool:
    """Keeps out pages of other sites, whose names may have been made to lead here."""
    try:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname
    except ValueError:
        return False
    return host is not None and is_loopback(host)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
