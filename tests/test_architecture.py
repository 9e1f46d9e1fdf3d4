"""Imports go downwards: a room knows only lower floors, and rooms of one floor do not know each other."""

import ast
import gc
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "importer"
FLOORS = {
    "version": 0,
    "model": 1,
    "sheet": 2,
    "directory": 2,
    "ledger": 2,
    "profiles": 2,
    "settings": 3,
    "stage": 3,
    "submit": 3,
    "report": 3,
    "jobs": 4,
    "fleet": 5,
    "cli": 6,
    "__main__": 7,
    "__init__": 7,
}


@cache
def tree(path: Path) -> ast.Module:
    # A collection amid the making of a tree can run code that makes another, which Python 3.11 takes for a fault.
    gc.disable()
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    finally:
        gc.enable()


def imports() -> Iterator[tuple[str, str, str]]:
    """(importing room, imported room, place) for each import of ours."""
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for node in ast.walk(tree(path)):
            names = []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: relative import"
                whole = node.module == "importer"
                names = [f"importer.{alias.name}" if whole else node.module or "" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                parts = name.split(".")
                if parts[0] == "importer":
                    yield room, parts[1] if len(parts) > 1 else "__init__", f"{path.name}:{node.lineno}"


def test_every_room_imports_only_from_lower_floors():
    seen = list(imports())
    assert len(seen) > 100, "the walk sees the imports"
    wrong = [
        f"{place}: {room} imports {other}"
        for room, other, place in seen
        if room != other and "emulator" not in (room, other) and FLOORS[room] <= FLOORS[other]
    ]
    assert wrong == []


def test_the_emulator_is_an_island_that_only_jobs_visit():
    assert [place for room, other, place in imports() if room == "emulator" and other != "emulator"] == []
    visitors = {room for room, other, _ in imports() if other == "emulator"} - {"emulator"}
    assert visitors <= {"jobs"}


def test_only_the_command_line_prints():
    printing = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] != "cli"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []


def test_only_the_directory_room_uses_aiohttps_client():
    users = {
        path.relative_to(PACKAGE).parts[0]
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
        if name.split(".")[0] == "aiohttp"
    }
    assert users <= {"directory", "emulator"}
