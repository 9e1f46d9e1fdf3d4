"""Messages to people, over a real socket."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from importer import load
from importer.jobs.run import run
from importer.jobs.traces import traces
from importer.model.errors import ComeBack


@pytest.fixture
def inbox():
    """A web hook on the loopback: its address for apprise, what came, and the status that it answers."""

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            server.came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(server.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_): ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.came, server.status = [], 200
    server.url = f"json://127.0.0.1:{server.server_port}/secret-path"
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def settings(tmp_path, inbox):
    (tmp_path / "url").write_text(inbox.url + "\n")
    rows = [f"{name},{name}@example.com,CEO,FaultMessage" for name in ("Tom", "Ann")]
    (tmp_path / "people.csv").write_text("\n".join(["Name,EmailAddress,Title,MessageTypes", *rows]))
    return load(
        {
            "emulator": True,
            "ledger": str(tmp_path / "importer.db"),
            "daily_sends": 1,
            "notify": {"files": [str(tmp_path / "url")]},
        }
    )


async def once(tmp_path, settings):
    """One run; what was said of its traces."""
    said = []
    with traces("run", settings, lambda event, **facts: said.append(f"{event}: {facts['why']}")) as left:
        left.ended(await run(tmp_path / "people.csv", settings, watch=left.watch))
    return said


async def test_people_are_told_when_a_directory_stands_otherwise_and_not_again_while_it_does_not(
    tmp_path, settings, inbox
):
    assert await once(tmp_path, settings) == []
    assert [one["title"] for one in inbox.came] == ["importer: default: deferred"]
    await once(tmp_path, settings)
    assert len(inbox.came) == 1
    await once(tmp_path, settings.model_copy(update={"daily_sends": 5}))
    assert [one["title"] for one in inbox.came][1:] == ["importer: default: done"]
    assert "@" not in json.dumps(inbox.came)
    assert "Tom" not in json.dumps(inbox.came)


async def test_an_end_that_nobody_wants_to_hear_of_is_not_told(tmp_path, settings, inbox):
    quiet = settings.notify.model_copy(update={"on": ("done",)})
    await once(tmp_path, settings.model_copy(update={"notify": quiet}))
    assert inbox.came == []


async def test_a_message_that_is_not_taken_is_said_without_its_address_and_the_run_ends_as_it_would(
    tmp_path, settings, inbox, capfd
):
    inbox.status = 500
    said = await once(tmp_path, settings)
    assert said == [f"a notification was not sent: the service of file {tmp_path}/url did not take it"]
    assert "secret-path" not in "".join((*said, *capfd.readouterr()))


async def test_an_address_that_is_missing_or_is_none_is_said_by_the_place_where_it_should_be(tmp_path, settings):
    (tmp_path / "odd").write_text("what://is this")
    away = settings.notify.model_copy(update={"environment": ("NOTIFY_URL",), "files": (str(tmp_path / "odd"), "no")})
    said = await once(tmp_path, settings.model_copy(update={"notify": away}))
    assert [line.partition(": ")[2] for line in said] == [
        "variable NOTIFY_URL holds no address",
        "file no holds no address",
        f"file {tmp_path}/odd holds no address that apprise knows",
    ]


def test_an_error_that_ends_the_command_is_told_too(settings, inbox):
    with pytest.raises(ComeBack), traces("run", settings, lambda *_, **__: None):
        raise ComeBack("no permission", code="NoPermission")
    assert inbox.came == []  # 75: another run is at work
    failing = ComeBack("no permission", code="NoPermission")
    failing.exit_code = 4
    with pytest.raises(ComeBack), traces("run", settings, lambda *_, **__: None):
        raise failing
    assert [one["title"] for one in inbox.came] == ["importer: default: stopped"]
