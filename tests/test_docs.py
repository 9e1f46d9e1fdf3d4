"""The documents tell the truth: every command is in the README, and what the README runs, runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def importer(*words, cwd, **options):
    return subprocess.run(
        [sys.executable, "-m", "importer", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
        **options,
    )


def commands():
    from importer.cli import app

    groups = [(f"{group.typer_instance.info.name} ", group.typer_instance) for group in app.registered_groups]
    return [
        f"{group}{command.callback.__name__}"
        for group, some in [("", app), *groups]
        for command in some.registered_commands
    ]


@pytest.mark.parametrize("command", commands())
def test_every_command_is_in_the_readme_and_explains_itself(command, tmp_path):
    assert f"`importer {command}" in README
    shown = importer(*command.split(), "--help", cwd=tmp_path)
    assert shown.returncode == 0
    assert "--json" in shown.stdout


def test_every_command_of_the_readme_exists():
    named = set(re.findall(r"importer ([a-z]+)(?: |`)", README))
    assert named - {"import"} <= {command.split()[0] for command in commands()}


def test_the_sample_run_prints_what_the_readme_shows(tmp_path):
    shown = re.search(r"<!-- output: (.*?) -->\n```\n(.*?)```", README, re.DOTALL)
    words = shown[1].replace("samples/", f"{ROOT}/samples/").split()
    ran = importer(*words, "--quiet", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert _settled(ran.stdout.replace(f"{ROOT}/", "")) == _settled(shown[2])


def _settled(text):
    """The words of each line, but not how many calls it took: on a busy machine two may meet, and one is made again."""
    words = _words(text)
    assert ["calls", "23"] <= next(line for line in words if line[0] == "calls") <= ["calls", "27"]
    return [line for line in words if line[0] != "calls"]


def _words(text):
    return [line.split() for line in text.splitlines() if line.strip()]


def test_the_library_example_runs(tmp_path):
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1].replace("samples/", f"{ROOT}/samples/")
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "'sent': " in ran.stdout


def test_the_sample_settings_are_settings(tmp_path, monkeypatch):
    from importer.settings import filed, load

    monkeypatch.chdir(tmp_path)
    sample = ROOT / "samples" / "importer.toml"
    for profile in ("default", "production", "international"):
        assert load({"profile": profile}, config=sample).profile == profile
    assert set(filed(load(config=sample))) == {"acme", "globex", "initech"}


def test_the_settings_that_the_readme_shows_are_settings(tmp_path, monkeypatch):
    from importer.settings import filed, load

    monkeypatch.chdir(tmp_path)
    (tmp_path / "importer.toml").write_text(re.search(r"```toml\n(.*?)```", README, re.DOTALL)[1], encoding="utf-8")
    assert set(filed(load())) == {"acme", "globex"}


def test_every_exit_code_of_the_errors_is_in_the_readme():
    from importer.model import errors

    codes = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")}
    assert codes
    for code in codes:
        assert re.search(rf"^\| {code}\b", README, re.MULTILINE), code


def test_every_setting_of_a_limit_is_a_flag_of_run():
    from importer.cli.options import LIMITS
    from importer.settings import Settings

    assert set(LIMITS) <= set(Settings.model_fields)
