"""A headless Chromium for tests, spoken to over the DevTools protocol."""

import asyncio
import base64
import json
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # tests may be root, and open nothing but pages of their own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
WAIT = 60.0  # seconds; far more than a start or a page takes


def installed() -> str:
    """Where Chromium is; skips the test where there is none, but not in CI."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        told = "no Chromium on the PATH: apt-get install chromium, and this test opens the page in it"
        pytest.fail(told) if os.environ.get("CI") else pytest.skip(told)
    return found


class Tab:
    """A page that is open; ``events`` are those of its network, console and log."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._answers: dict[int, asyncio.Future] = {}
        self._loaded = asyncio.Event()
        self.events: list[tuple[str, dict]] = []

    async def listen(self) -> None:
        async for message in self._socket:
            told = json.loads(message.data)
            if "id" in told:
                self._answers.pop(told["id"]).set_result(told)
            else:
                self.events.append((told["method"], told["params"]))
                if told["method"] == "Page.loadEventFired":
                    self._loaded.set()

    async def send(self, method: str, **params: object) -> dict:
        self._number += 1
        answer = self._answers[self._number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        told = await asyncio.wait_for(answer, WAIT)
        assert "error" not in told, told
        return told["result"]

    async def open(self, path: Path) -> None:
        """Load a file and wait until it is loaded; what happened before is forgotten."""
        self.events.clear()
        self._loaded.clear()
        await self.send("Page.navigate", url=path.as_uri())
        await asyncio.wait_for(self._loaded.wait(), WAIT)

    async def ask(self, script: str) -> object:
        """The value of an expression in the page."""
        told = await self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def look(self, width: int, *, scheme: str = "light", media: str = "") -> None:
        """Show the page as wide as that, to a reader who likes it light or dark."""
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.send("Emulation.setEmulatedMedia", media=media, features=features)

    async def picture(self, height: int) -> bytes:
        """The page from its top, a PNG."""
        width = await self.ask("innerWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        told = await self.send("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(told["data"])

    async def paper(self) -> bytes:
        """The page as it is printed, a PDF."""
        told = await self.send("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)
        return base64.b64decode(told["data"])


@asynccontextmanager
async def chromium(folder: Path, *, language: str = "en-US", scripts: bool = True) -> AsyncIterator[Tab]:
    """A browser with one empty tab, its profile in ``folder``."""
    process = await asyncio.create_subprocess_exec(
        installed(),
        *FLAGS,
        f"--user-data-dir={folder}",
        f"--lang={language}",
        f"--accept-lang={language}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        base = await asyncio.wait_for(_address(process.stderr), WAIT)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{base}/json/list") as answer:
                (page,) = [one for one in await answer.json(content_type=None) if one["type"] == "page"]
            async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                tab = Tab(socket)
                listening = asyncio.create_task(tab.listen())
                for domain in ("Page", "Runtime", "Network", "Log"):
                    await tab.send(f"{domain}.enable")
                await tab.send("Emulation.setScriptExecutionDisabled", value=not scripts)
                yield tab
                listening.cancel()
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _address(lines: asyncio.StreamReader | None) -> str:
    """Where the browser listens, which it says itself; what it says later is nobody's business."""
    async for line in lines:
        if found := re.search(rb"DevTools listening on ws://([^/]+)/", line):
            return f"http://{found[1].decode()}"
    raise AssertionError("Chromium ended before it listened")
