"""Parts: a checked file by the directories that its rows are for, and as one again."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from importer.model.finding import Severity
from importer.stage.check import Checked
from importer.stage.dedupe import Deduped


def parts(checked: Checked, default: str) -> dict[str, Checked]:
    """The rows of each directory, by profile: each row in exactly one part, rows of none in that of ``default``.

    Rows keep the numbers that they have in the sheet. What is said of the whole file goes with the first part.
    """
    if checked.routes is None:
        return {default: checked}
    places = pl.DataFrame({"profile": checked.routes.fill_null(default)}).with_row_index("row")
    names = places["profile"].unique(maintain_order=True).to_list() or [default]
    return {name: _part(checked, places.filter(profile=name)["row"], whole=name == names[0]) for name in names}


def empty(checked: Checked) -> Checked:
    """The part of a directory that the file has no rows for any more."""
    return _part(checked, pl.Series("row", [], dtype=pl.UInt32), whole=False)


def _part(checked: Checked, rows: pl.Series, *, whole: bool) -> Checked:
    among = pl.col("row").is_in(rows.implode())
    findings = checked.findings.filter(among | pl.col("row").is_null() if whole else among)
    errors = checked.findings.filter(severity=Severity.ERROR.value).height
    return replace(
        checked,
        contacts=checked.contacts.filter(among),
        findings=findings,
        rejected=checked.rejected.filter(checked.rejected.is_in(rows.implode())),
        elsewhere=errors - findings.filter(severity=Severity.ERROR.value).height,
    )


def joined(deduped: Sequence[Deduped]) -> Deduped:
    """The parts of a file as one again."""
    if len(deduped) == 1:
        return deduped[0]
    return Deduped(
        pl.concat([part.contacts for part in deduped]).sort("row"),
        pl.concat([part.duplicates for part in deduped]).sort("row"),
        pl.concat([part.rejected for part in deduped]).sort(),
        pl.concat([part.findings for part in deduped]).sort("row", maintain_order=True, nulls_last=False),
        sum(part.clashes for part in deduped),
    )
