"""The doctor before real sockets: what it finds, and that it changes nothing."""

import os
import time

import pytest

from importer.directory.client import Client
from importer.directory.credentials import StaticCredentials
from importer.emulator import Emulator, Key, Limits
from importer.jobs.doctor import doctor
from importer.jobs.run import run
from importer.model.errors import FixCommand
from importer.report.health import Level
from importer.settings import load

ROWS = "Name,EmailAddress,Title,MessageTypes\n" + "".join(
    f"{name},{name}@example.com,CEO,FaultMessage\n" for name in ("tom", "ann", "eve")
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith(("ALIBABA_CLOUD_", "IMPORTER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "CANARY")
    return tmp_path


def levels(health, what):
    return [check.level for check in health.checks if check.what == what]


def said(health, what):
    return "\n".join(f"{check.says} {check.to_do}" for check in health.checks if check.what == what)


async def test_all_is_well_and_nothing_is_changed(folder):
    async with Emulator(keys=[Key("id", "CANARY")]) as emulator:
        health = await doctor(load({"endpoint": emulator.url}))
        assert emulator.log() == []
    assert health.exit_code == 0
    assert {check.level for check in health.checks} == {Level.OK}
    assert len(levels(health, "permission")) == 7
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("actions", "level", "code", "exit_code"),
    [
        (("List*", "Get*", "Send*"), Level.ERROR, "AddMessageContact", 4),
        (("Add*", "List*", "Get*"), Level.ERROR, "SendEmailVerification", 4),
        (("Add*",), Level.ERROR, "ListMessageContacts", 4),
        (("Add*", "List*", "Get*", "Send*"), Level.WARNING, "DeleteMessageContact", 0),
    ],
)
async def test_a_right_that_is_missing_is_found_by_calls_that_do_nothing(folder, actions, level, code, exit_code):
    async with Emulator(keys=[Key("id", "CANARY", actions=actions)]) as emulator:
        health = await doctor(load({"endpoint": emulator.url}))
        assert emulator.log() == []
    assert health.exit_code == exit_code
    assert any(check.level is level and code in check.says for check in health.checks if check.what == "permission")


async def test_a_wrong_key_is_told_by_its_code_and_without_the_secret(folder):
    async with Emulator(keys=[Key("id", "another")]) as emulator:
        health = await doctor(load({"endpoint": emulator.url}))
    assert health.exit_code == 4
    assert levels(health, "endpoint") == [Level.OK]
    assert "SignatureDoesNotMatch" in said(health, "permission")
    assert "CANARY" not in str(health)


async def test_an_endpoint_where_nobody_listens_is_told(folder):
    health = await doctor(load({"endpoint": "127.0.0.1:9"}))
    assert (health.exit_code, levels(health, "endpoint")) == (4, [Level.ERROR])
    assert "ConnectFailed" in said(health, "endpoint")


async def test_missing_credentials_and_a_missing_file_are_told_with_what_to_do(folder, monkeypatch):
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
    (folder / "importer.toml").write_text('file = "nowhere.csv"\n')
    health = await doctor(load())
    assert levels(health, "credentials") == levels(health, "file") == [Level.ERROR]
    assert "ALIBABA_CLOUD_ACCESS_KEY_SECRET is not set" in said(health, "credentials")


async def test_contacts_and_mails_are_held_against_the_settings(folder):
    (folder / "people.csv").write_text(ROWS)
    async with Emulator(keys=[Key("id", "CANARY")], limits=Limits(max_contacts=50)) as emulator:
        settings = {"endpoint": emulator.url, "calls_per_second": 500.0}
        await run("people.csv", load({**settings, "max_contacts": 50, "daily_sends": 50}))
        health = await doctor(load({**settings, "max_contacts": 2, "daily_sends": 3}))
    assert health.exit_code == 0
    assert (levels(health, "contacts"), levels(health, "sends")) == ([Level.WARNING], [Level.WARNING])
    assert "3 of max-contacts 2" in said(health, "contacts")
    assert "3 of daily-sends 3" in said(health, "sends")


async def test_a_ledger_that_is_none_is_told_and_left_as_it_is(folder):
    (folder / "importer.db").write_text("a text of some length, and no database " * 40)
    before = (folder / "importer.db").read_bytes()
    health = await doctor(load({"endpoint": "127.0.0.1:9"}))
    assert Level.ERROR in levels(health, "ledger")
    assert (folder / "importer.db").read_bytes() == before


async def test_every_profile_is_looked_at_side_by_side_each_with_its_name(folder, monkeypatch):
    for name in ("NORTH", "SOUTH"):
        monkeypatch.setenv(f"{name}_ACCESS_KEY_ID", f"id-{name}")
        monkeypatch.setenv(f"{name}_ACCESS_KEY_SECRET", "s")
    async with Emulator(keys=[Key("id-NORTH", "s")]) as emulator:
        (folder / "importer.toml").write_text(
            f'endpoint = "{emulator.url}"\n[profiles.north]\ncredentials = {{environment = "NORTH_"}}\n'
            '[profiles.south]\ncredentials = {environment = "SOUTH_"}\n'
        )
        health = await doctor(load(), every=True)
    errors = {check.directory for check in health.checks if check.level is Level.ERROR}
    assert errors == {"south"}
    assert {check.directory for check in health.checks} == {None, "north", "south"}


async def test_two_profiles_of_one_directory_are_a_mistake_in_the_settings(folder):
    (folder / "importer.toml").write_text("[profiles.a]\nmax_contacts = 1\n[profiles.b]\nmax_contacts = 2\n")
    with pytest.raises(FixCommand, match="a and b are one directory"):
        await doctor(load(), every=True)


async def test_a_client_whose_clock_is_wrong_learns_by_how_much(folder):
    async with Emulator(keys=[Key("id", "CANARY")]) as emulator:
        keys = StaticCredentials("id", "CANARY")
        async with Client(emulator.url, keys, wall=lambda: time.time() - 3600) as client:
            assert client.skew is None
            answer = await client.call("ListMessageContacts", {})
            assert answer.code == "InvalidTimeStamp.Expired"
            assert client.skew == pytest.approx(3600, abs=30)
