"""Template: an empty workbook that says what belongs where."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from importer.jobs.files import whole
from importer.model.errors import FixCommand
from importer.report.template import write_template
from importer.settings import Settings, load


@dataclass(frozen=True, slots=True)
class Made:
    """What was written."""

    file: str

    def as_json(self) -> dict[str, Any]:
        return {"schema": 1, "command": "template", "file": self.file, "exit_code": 0}


def template(file: str | Path, settings: Settings | None = None, *, force: bool = False) -> Made:
    """Write a template by the settings' rules. Raises `FixCommand` where a file is already, unless ``force``."""
    path, rules = Path(file), (settings or load()).rules
    if path.suffix.lower() != ".xlsx":
        raise FixCommand(f"{path}: a template is a workbook", hint="give it a name that ends in .xlsx")
    if path.is_dir() or (path.exists() and not force):
        what = "is a folder" if path.is_dir() else "is there already"
        raise FixCommand(f"{path}: {what}", hint="name another file, or write over it with --force")
    whole(path, lambda part: write_template(part, rules))
    return Made(str(path))
