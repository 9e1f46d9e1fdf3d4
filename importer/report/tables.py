"""The tables and styles that all that is shown at a terminal shares."""

from collections.abc import Mapping

from rich.console import RenderableType
from rich.table import Table

STYLES = {"error": "red", "warning": "yellow", "note": "dim"}


def places(rows: Mapping[str, int]) -> RenderableType:
    """Rows read, and where each went."""
    table = balance()
    table.add_row("rows read", str(rows["read"]))
    for name in ("rejected", "duplicate", "accepted"):
        table.add_row(f"  {name}", str(rows[name]))
    return table


def balance() -> Table:
    """A column of words and one of figures."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    return table


def columns() -> Table:
    """Columns without a header, as wide as what they hold."""
    return Table(box=None, show_header=False, pad_edge=False)
