"""The rows below a header, as both text and workbooks give them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from importer.sheet.layout import Shape


@dataclass(frozen=True, slots=True)
class Grid:
    """``frame`` has text columns "0", "1", …, as many as the header; blank cells are null, blank rows are still there.

    ``findings`` counts rows as ``frame`` does.
    """

    header: "Shape"
    frame: "pl.DataFrame"
    lines: "pl.Series"
    findings: "list[pl.DataFrame]"
