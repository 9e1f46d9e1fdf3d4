"""What a command imports, for that is most of the time that a small one takes."""

import os
import subprocess
import sys

import pytest

PROBE = """
import sys
from importer.cli import main
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""
PLUGINS = """
from importer.cli import main
try:
    main()
finally:
    from pydantic.plugin import _loader
    print(_loader._plugins)
"""
EVER = (
    "alibabacloud_credentials",
    "apprise",
    "cryptography",
    "dns",
    "jinja2",
    "openpyxl",
    "pandas",
    "psycopg",
    "pygal",
)
READING = ("importer.ledger", "importer.submit", "importer.emulator", "aiohttp", "anyio", "asyncio", "apsw", "tenacity")
ODD = ("chardet", "defusedxml", "email_validator", "fastexcel", "structlog", "xlsxwriter")
HELP = ("importer.settings", "polars", "pydantic", "rich", "typer._adapters")
HEADERS = "Name,EmailAddress,PhoneNumber,Title,MessageTypes"
ROW = "Ann,ann@example.com,86-13900000000,CEO,ServiceMessage;FaultMessage\n"


def ended(folder, code, *arguments):
    """A command that ended well."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("IMPORTER_", "PYDANTIC_"))}
    words = [sys.executable, "-c", code, *arguments]
    found = subprocess.run(words, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
    return found


def imported(folder, *arguments):
    """The modules that a command had imported when it ended."""
    return set(ended(folder, PROBE, *arguments).stderr.splitlines()[-1].split())


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "few.csv").write_text(f"{HEADERS}\n{ROW}", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "needed", "needless"),
    [
        (["--help"], "typer", (*EVER, *READING, *ODD, *HELP)),
        (["check", "few.csv"], "polars", (*EVER, *READING, *ODD)),
        (["run", "few.csv", "--emulator"], "aiohttp", (*EVER, *ODD)),
        (["sync", "few.csv", "--emulator"], "aiohttp", (*EVER, *ODD)),
    ],
    ids=["help", "check", "run", "sync"],
)
def test_a_command_imports_no_package_that_it_has_no_use_for(folder, arguments, needed, needless):
    seen = imported(folder, *arguments)
    assert needed in seen, "the probe sees what is imported"
    assert [name for name in needless if name in seen] == []


def test_status_imports_neither_the_network_nor_what_reads_files(folder):
    assert "polars" in imported(folder, "run", "few.csv", "--emulator")
    seen = imported(folder, "status")
    assert "apsw" in seen
    assert [
        name for name in (*EVER, *ODD, "aiohttp", "asyncio", "polars", "importer.sheet.reader") if name in seen
    ] == []


def test_no_installed_package_is_asked_whether_it_extends_pydantic(folder):
    assert ended(folder, PLUGINS, "check", "few.csv").stdout.splitlines()[-1] == "None", "they were never looked for"
