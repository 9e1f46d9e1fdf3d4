"""Checks a sheet: every rule on every cell, in columns; all findings at once, and the contacts that remain."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from importer.model.contact import API_NAMES, Rules
from importer.stage.addresses import check_addresses
from importer.stage.book import Book, Column
from importer.stage.delivery import Ask, check_delivery
from importer.stage.doubt import doubt_encoding
from importer.stage.names import check_names
from importer.stage.phones import check_phones
from importer.stage.priorities import check_priorities
from importer.stage.ticks import check_ticks
from importer.stage.values import check_titles, check_types

if TYPE_CHECKING:
    from importer.sheet import Sheet
    from importer.sheet.columns import Columns


@dataclass(frozen=True, slots=True)
class Checked:
    """A checked sheet.

    ``contacts``: row (UInt32, into the sheet's frame), line, key, name, email_address, phone_number (null: none),
    title, message_types (canonical order, parted by ``;``), priority (Int64); the rows without an error.
    ``findings``: all of reading and of checking, sorted by row. ``rejected``: the rows with an error, sorted.
    ``names``: the column of names as written. ``headers``: field → the header of its column. ``strict``: warnings
    reject rows, those to come too.
    """

    contacts: pl.DataFrame
    findings: pl.DataFrame
    rejected: pl.Series
    names: Column
    headers: dict[str, str] = field(default_factory=dict)
    strict: bool = False


def check(sheet: "Sheet", columns: "Columns", rules: Rules, ask: Ask | None = None) -> Checked:
    """Check every cell of the sheet's contact columns. A row never raises: what is wrong with it is a finding.

    ``ask``: tells of the addresses' domains whether they take mail; without it nobody is asked.
    """
    book = Book(sheet.findings, columns.findings, strict=rules.strict)
    names = _column(sheet, columns, "name")
    address = _column(sheet, columns, "email_address")
    contacts = pl.DataFrame(
        {
            "line": sheet.lines,
            "name": check_names(names, book, chinese=rules.chinese_names, fix=rules.fix_names),
            "email_address": check_addresses(address, book, longest=rules.email_max),
            "phone_number": check_phones(_column(sheet, columns, "phone_number"), book),
            "title": check_titles(_column(sheet, columns, "title"), book),
            "message_types": _types(sheet, columns, book),
            "priority": check_priorities(_column(sheet, columns, "priority"), book),
        }
    ).with_row_index("row")
    if sheet.guessed:
        doubt_encoding(sheet, columns, names, book)
    contacts = _kept(contacts, book)
    # A name that passed holds English letters and Chinese characters alone: to fold it is to lower its letters.
    contacts.insert_column(2, contacts["name"].str.to_lowercase().alias("key"))
    if ask is not None:
        check_delivery(contacts, address, book, ask)
        contacts = _kept(contacts, book)
    _share(contacts, address, book)
    if rules.strict:
        contacts = _strictly(_kept(contacts, book), names, book)
    headers = {name: sheet.columns[index] for name, index in columns.fields.items()}
    return Checked(contacts, book.findings(), book.rejected(), names, headers, rules.strict)


def _kept(contacts: pl.DataFrame, book: Book) -> pl.DataFrame:
    """The contacts that nothing rejects so far."""
    rejected = book.rejected()
    return contacts.filter(~contacts["row"].is_in(rejected.implode())) if len(rejected) else contacts


def _strictly(contacts: pl.DataFrame, names: Column, book: Book) -> pl.DataFrame:
    """No contact, where a warning of the whole file counts as an error."""
    if not book.error_of_file():
        return contacts
    book.write("file-refused", names, contacts.select("row"))
    return contacts.clear()


def _column(sheet: "Sheet", columns: "Columns", field: str) -> Column:
    """The field's column with blank cells as empty text; a field without one is blank throughout."""
    if field in columns.fields:
        return _at(sheet, columns.fields[field])
    return Column(API_NAMES.get(field, field), pl.Series([""]).new_from_index(0, sheet.frame.height), sheet.lines)


def _at(sheet: "Sheet", index: int) -> Column:
    return Column(sheet.columns[index], sheet.frame.to_series(index).fill_null(""), sheet.lines)


def _types(sheet: "Sheet", columns: "Columns", book: Book) -> pl.Series:
    if "message_types" in columns.fields or not columns.ticks:
        return check_types(_column(sheet, columns, "message_types"), book)
    return check_ticks({kind: _at(sheet, index) for kind, index in columns.ticks.items()}, book)


def _share(contacts: pl.DataFrame, column: Column, book: Book) -> None:
    """Warn of contacts that share an address, letter case aside, with an earlier one of another name."""
    rows = contacts.select("row", "line", "key", address=pl.col("email_address").str.to_lowercase())
    if rows["address"].n_unique() == len(rows):
        return
    pairs = rows.select("key", "address").unique()
    rows = rows.join(pairs.filter(pl.col("address").is_duplicated()), on="address", how="semi", maintain_order="left")
    first = pl.col("line", "key").first().over("address").name.prefix("first_")
    shared = rows.with_columns(first).filter(pl.col("key") != pl.col("first_key"))
    book.write("email-shared", column, shared.select("row", detail=pl.col("first_line").cast(pl.String)))
