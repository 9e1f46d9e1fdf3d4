"""The samples of a fleet: the README's line for one machine runs, and the others name what the importer takes."""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import kubernetes_validate
import pytest
import typer.main
import yaml
from conftest import environment

from importer.cli import app
from importer.settings import load

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples" / "fleet"
CONTAINER = (ROOT / "samples" / "nightly" / "Containerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((SAMPLES / "compose.yaml").read_text(encoding="utf-8"))["services"]
MANIFESTS = {
    one["kind"]: one for one in yaml.safe_load_all((SAMPLES / "workers.yaml").read_text(encoding="utf-8")) if one
}


def pods():
    deployment = MANIFESTS["Deployment"]["spec"]["template"]["spec"]
    return deployment, MANIFESTS["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def containers():
    return [one for pod in pods() for one in (*pod.get("initContainers", ()), *pod["containers"])]


COMMANDS = {
    **{f"compose {name}": one["command"] for name, one in COMPOSE.items() if one.get("command")},
    **{f"kubernetes {one['name']}": one["args"] for one in containers()},
}


@pytest.fixture
def open_path():
    """An empty folder that the account, as which PostgreSQL runs, can come through, as it cannot through pytest's."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path


def test_the_line_of_the_readme_does_it_all_on_this_machine_and_leaves_nothing_behind(open_path):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    _, line = re.search(r"<!-- fleet -->\n```sh\n(.*)\n(.*)\n```", readme).groups()
    python, *words = shlex.split(line)
    assert python == ".venv/bin/python"
    told = environment(open_path, TMPDIR=str(open_path))
    ran = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=told, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr
    assert "people.csv: 4 of 4 rows for globex" in ran.stdout
    assert ran.stdout.splitlines()[-1] == "0 workers, 0 in the queue; directories: 3 done"
    assert list(open_path.iterdir()) == []


def test_a_command_that_fails_gives_its_exit_code(tmp_path):
    ran = subprocess.run(
        [sys.executable, SAMPLES / "here.py", "sh", "-c", "exit 7"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 7, ran.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_the_command_of_a_sample_is_taken_by_the_importer(name):
    group, command, *words = COMMANDS[name]
    chosen = typer.main.get_command(app).get_command(None, group).get_command(None, command)
    chosen.make_context(command, words)  # raises for an option that does not exist


def test_compose_runs_three_workers_beside_a_server_and_an_emulator_of_each_profile():
    assert COMPOSE["worker"]["deploy"]["replicas"] == 3
    assert {"postgres", "emulator"} < COMPOSE.keys()
    served = COMPOSE["emulator"]["entrypoint"]
    assert (SAMPLES / Path(served[1]).name).is_file()
    assert set(served[3:]) == set(load(config=SAMPLES / "importer.toml").directories) - {"default"}
    said = COMPOSE["worker"]["environment"]
    assert {f"{name.upper()}_ACCESS_KEY_{part}" for name in served[3:] for part in ("ID", "SECRET")} < said.keys()
    assert said["IMPORTER_ENDPOINT"].endswith(f":{served[2]}")


def test_compose_waits_for_services_that_are_there_and_builds_what_is_there():
    for one in COMPOSE.values():
        assert set(one.get("depends_on", ())) <= COMPOSE.keys()
    build = COMPOSE["emulator"]["build"]
    assert (SAMPLES / build["context"] / build["dockerfile"]).is_file()
    extras = re.search(r"'\.\[(.*)\]'", CONTAINER)[1].split(",")
    assert "fleet" in extras


@pytest.mark.parametrize("kind", MANIFESTS)
def test_kubernetes_takes_the_manifest(kind):
    kubernetes_validate.validate(MANIFESTS[kind], kubernetes_validate.latest_version(), strict=True)


def test_the_pods_are_nobody_special_and_write_only_where_they_are_told():
    assert all(pod["securityContext"]["runAsNonRoot"] for pod in pods())
    for container in containers():
        held = container["securityContext"]
        assert held["readOnlyRootFilesystem"]
        assert not held["allowPrivilegeEscalation"]
        assert held["capabilities"] == {"drop": ["ALL"]}
        writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
        assert writable == {"/tmp"}


def test_the_settings_of_the_config_map_are_settings(tmp_path):
    path = tmp_path / "importer.toml"
    path.write_text(MANIFESTS["ConfigMap"]["data"]["importer.toml"], encoding="utf-8")
    assert load({"profile": "acme"}, config=path).max_contacts == 200
    assert "IMPORTER_LEDGER" not in os.environ


def test_workers_get_the_time_that_a_call_takes_to_end():
    assert pods()[0]["terminationGracePeriodSeconds"] > load().call_timeout
    assert int(COMPOSE["worker"]["stop_grace_period"].removesuffix("s")) > load().call_timeout
