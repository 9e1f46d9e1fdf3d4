"""Calls a second over HTTPS with the ledger on disk, beside a bare signed loop, and the official SDK's two clients."""

import asyncio
import gc
import json
import os
import ssl
import tempfile
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

from benchmarks.apart import apart
from benchmarks.contacts import contacts, written
from benchmarks.responder import Place, responding
from benchmarks.table import Figures, Goal, Samples, Size, Table, ratios, turns

if TYPE_CHECKING:
    from importer.settings import Settings

WORKERS = 32  # as many as the importer has at most
KEYS = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "bench", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "bench-secret"}
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
ADD = "AddMessageContact"
OURS, CLIENT, FLOOR = "importer", "importer's client alone", "bare loop"
SWIFT = ", uvloop"
SDK, THREADS = "SDK, async", f"SDK, {WORKERS} threads"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy")


@contextmanager
def counted(calls: int) -> Iterator[dict[str, float]]:
    """The figures of the calls made inside."""
    figures: dict[str, float] = {}
    clock, cpu = time.perf_counter(), time.process_time()
    yield figures
    clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
    figures.update({"calls/s": calls / clock, "CPU µs/call": cpu / calls * 1e6})


def environment(place: Place) -> None:
    """Keys and trust for whichever client; no proxy between us and this machine."""
    for name in PROXIES:
        os.environ.pop(name, None)
    os.environ.update({**KEYS, "SSL_CERT_FILE": place.ca, "REQUESTS_CA_BUNDLE": place.ca})


def started(work: Coroutine[Any, Any, Any], *, swift: bool) -> Any:
    """What ``work`` returns, on uvloop if ``swift``."""
    factory = None
    if swift:
        from uvloop import new_event_loop as factory
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work)


# -- the importer


def unlimited(place: Place, ledger: Path) -> "Settings":
    """Settings for a directory that never says that it is enough; no mails."""
    from importer.settings import Settings

    return Settings(ledger=str(ledger), endpoint=place.url, max_contacts=10**9, daily_sends=0, calls_per_second=10**9)


def imported(place: Place, count: int, folder: str, swift: bool = False) -> Figures:
    """All of a run but its staging: from the first look at the directory to the totals."""
    from importer.cli import EVERY
    from importer.jobs.run import run

    gc.set_threshold(EVERY)  # as the command does
    environment(place)
    settings = unlimited(place, Path(folder) / "importer.db")
    file = written(Path(folder) / "contacts.csv", count)
    asyncio.run(run(file, settings.model_copy(update={"max_contacts": 0})))  # it is staged, no more
    began: list[float] = []
    running = run(file, settings, watch=lambda _: began.append(time.process_time()))
    summary = started(running, swift=swift).as_json()
    cpu = time.process_time() - began[0]
    assert summary["operations"]["add"]["done"] == count, summary
    return {"calls/s": count / summary["timing"]["submit_seconds"], "CPU µs/call": cpu / count * 1e6}


def client(place: Place, count: int) -> Figures:
    from importer.directory.client import Client
    from importer.directory.credentials import StaticCredentials
    from importer.model.operation import Outcome

    async def main() -> Figures:
        async with Client(place.url, StaticCredentials(*KEYS.values())) as caller:

            async def call(values: dict[str, Any]) -> None:
                answer = await caller.call(ADD, values)
                assert answer.outcome is Outcome.DONE, answer.code

            with counted(count) as figures:
                await looped(count, call)
            return figures

    environment(place)
    return asyncio.run(main())


# -- the floor


async def looped(count: int, call: Any) -> None:
    rows = contacts(count)

    async def work() -> None:
        for name, address, phone, title, types in rows:
            values = {"Name": name, "EmailAddress": address, "PhoneNumber": phone, "Title": title}
            await call({**values, "MessageTypes": tuple(types.split(";"))})

    await asyncio.gather(*(work() for _ in range(WORKERS)))


class Request:
    """What the official signer wants to know."""

    method = "POST"
    pathname = "/"
    query: dict[str, str]
    headers: dict[str, str]


def bare(place: Place, count: int, swift: bool = False) -> Figures:
    """The least that a signed call takes: no ledger, no limits, no failures, no outcomes."""
    import aiohttp
    from alibabacloud_tea_openapi.utils import Utils
    from yarl import URL

    async def main() -> Figures:
        connector = aiohttp.TCPConnector(limit=0, ssl=ssl.create_default_context(cafile=place.ca))
        async with aiohttp.ClientSession(connector=connector) as session:

            async def call(values: dict[str, Any]) -> None:
                query = {key: value for key, value in values.items() if key != "MessageTypes"}
                query |= {f"MessageTypes.{number}": value for number, value in enumerate(values["MessageTypes"], 1)}
                request = Request()
                request.query = query
                request.headers = headers = {
                    "host": f"127.0.0.1:{place.port}",
                    "x-acs-version": "2022-04-19",
                    "x-acs-action": ADD,
                    "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "x-acs-signature-nonce": uuid4().hex,
                    "x-acs-content-sha256": EMPTY,
                    "accept": "application/json",
                }
                headers["Authorization"] = Utils.get_authorization(request, "ACS3-HMAC-SHA256", EMPTY, *KEYS.values())
                text = "&".join(f"{key}={quote(value, safe='~')}" for key, value in sorted(query.items()))
                async with session.post(URL(f"{place.url}/?{text}", encoded=True), headers=headers) as response:
                    assert json.loads(await response.read())["Contact"]["ContactId"]

            with counted(count) as figures:
                await looped(count, call)
            return figures

    environment(place)
    return started(main(), swift=swift)


# -- the rivals


def sdk_client(place: Place) -> Any:
    from alibabacloud_resourcedirectorymaster20220419.client import Client as Official
    from alibabacloud_tea_openapi.models import Config

    ident, secret = KEYS.values()
    patient = {"connect_timeout": 60_000, "read_timeout": 60_000}  # milliseconds, for busy machines
    place_of = {"endpoint": f"127.0.0.1:{place.port}", "protocol": "HTTPS"}
    return Official(Config(access_key_id=ident, access_key_secret=secret, **place_of, **patient))


def sdk_request(values: dict[str, Any]) -> Any:
    from alibabacloud_resourcedirectorymaster20220419 import models

    return models.AddMessageContactRequest(
        name=values["Name"],
        email_address=values["EmailAddress"],
        phone_number=values["PhoneNumber"],
        title=values["Title"],
        message_types=list(values["MessageTypes"]),
    )


def sdk(place: Place, count: int) -> Figures:
    environment(place)
    official = sdk_client(place)

    async def call(values: dict[str, Any]) -> None:
        answer = await official.add_message_contact_async(sdk_request(values))
        assert answer.body.contact.contact_id

    async def main() -> Figures:
        with counted(count) as figures:
            await looped(count, call)
        return figures

    return asyncio.run(main())


def threads(place: Place, count: int) -> Figures:
    environment(place)
    official = sdk_client(place)

    def call(row: tuple[str, ...]) -> None:
        name, address, phone, title, types = row
        values = {"Name": name, "EmailAddress": address, "PhoneNumber": phone, "Title": title}
        answer = official.add_message_contact(sdk_request({**values, "MessageTypes": types.split(";")}))
        assert answer.body.contact.contact_id

    with counted(count) as figures, ThreadPoolExecutor(WORKERS) as pool:
        for _ in pool.map(call, contacts(count)):
            pass
    return figures


def fresh(place: Place, count: int, swift: bool = False) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        return apart(imported, place, count, folder, swift)


def swiftly(place: Place, count: int) -> dict[str, Any]:
    """Both on uvloop, which the importer uses where it is installed."""
    return {
        f"{OURS}{SWIFT}": partial(fresh, place, count, True),
        f"{FLOOR}{SWIFT}": partial(apart, bare, place, count, True),
    }


def measure(size: Size) -> Table:
    count, few = size.counted(20_000, 1_000), size.of(200, 16)
    swift = not size.quick and find_spec("uvloop") is not None
    with tempfile.TemporaryDirectory() as folder, responding(Path(folder)) as place:
        samples = turns(
            size.turns(7, 3),
            {
                OURS: partial(fresh, place, count),
                CLIENT: partial(apart, client, place, count),
                FLOOR: partial(apart, bare, place, count),
                **(swiftly(place, count) if swift else {}),
                SDK: partial(apart, sdk, place, few),
                THREADS: partial(apart, threads, place, 4 * few),
            },
        )
    title = f"{count:,} adds over HTTPS, {WORKERS} at once, the ledger on disk"
    return Table(title, samples, [*goals(samples), *(swift_goals(samples) if swift else ())])


def goals(samples: Samples) -> list[Goal]:
    """The clock says how fast; what is watched is the CPU, which a busy machine distorts less."""
    return [
        Goal(f"{OURS} / {FLOOR}, calls/s", ratios(samples, "calls/s", OURS, FLOOR), at_least=0.8, watched=False),
        Goal(f"{OURS} / {FLOOR}, calls for the same CPU", ratios(samples, "CPU µs/call", FLOOR, OURS)),
        Goal(f"{CLIENT} / {FLOOR}, calls for the same CPU", ratios(samples, "CPU µs/call", FLOOR, CLIENT)),
        Goal(f"{OURS} / {SDK}, calls/s", ratios(samples, "calls/s", OURS, SDK), at_least=100, watched=False),
        Goal(f"{OURS} / {THREADS}, calls/s", ratios(samples, "calls/s", OURS, THREADS), at_least=30, watched=False),
        Goal(f"{FLOOR} / {SDK}, calls/s", ratios(samples, "calls/s", FLOOR, SDK), watched=False),
        Goal(f"{OURS} / {SDK}, calls for the same CPU", ratios(samples, "CPU µs/call", SDK, OURS), watched=False),
        Goal(
            f"{OURS} / {THREADS}, calls for the same CPU", ratios(samples, "CPU µs/call", THREADS, OURS), watched=False
        ),
    ]


def swift_goals(samples: Samples) -> list[Goal]:
    ours, floor = f"{OURS}{SWIFT}", f"{FLOOR}{SWIFT}"
    return [
        Goal(f"{ours} / {floor}, calls/s", ratios(samples, "calls/s", ours, floor), watched=False),
        Goal(f"{ours} / {FLOOR}, calls/s", ratios(samples, "calls/s", ours, FLOOR), watched=False),
    ]
