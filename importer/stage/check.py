"""Checks a sheet: every rule on every cell, in columns; all findings at once, and the contacts that remain."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from importer.model.contact import API_NAMES, FIELDS, Rules
from importer.stage import addresses, phones, values
from importer.stage import names as naming
from importer.stage.addresses import check_addresses
from importer.stage.book import Book, Column
from importer.stage.cells import distinct
from importer.stage.delivery import Ask, check_delivery
from importer.stage.doubt import doubt_encoding
from importer.stage.names import check_names
from importer.stage.phones import check_phones
from importer.stage.priorities import check_priorities
from importer.stage.routes import check_routes
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
    reject rows, those to come too. ``distinct``: surely each key is there once. ``routes``: the profile of each row of
    the sheet, null for the one that the command names; ``None`` where no column says so.
    """

    contacts: pl.DataFrame
    findings: pl.DataFrame
    rejected: pl.Series
    names: Column
    headers: dict[str, str] = field(default_factory=dict)
    strict: bool = False
    distinct: bool = False
    routes: pl.Series | None = None
    elsewhere: int = 0  # errors in the rest of the file, if this is the part of one directory

    @property
    def unrouted(self) -> bool:
        """Whether a row names a directory that nobody knows."""
        return (self.findings["rule"] == "directory-unknown").any()

    @property
    def height(self) -> int:
        """How many rows there are, good or not."""
        return self.contacts.height + len(self.rejected)


def check(sheet: "Sheet", columns: "Columns", rules: Rules, ask: Ask | None = None) -> Checked:
    """Check every cell of the sheet's contact columns. A row never raises: what is wrong with it is a finding.

    ``ask``: tells of the addresses' domains whether they take mail; without it nobody is asked.
    """
    book = Book(sheet.findings, columns.findings, strict=rules.strict)
    fields = {field: _column(sheet, columns, field) for field in (*FIELDS, "priority")}
    names, address = fields["name"], fields["email_address"]
    good = _sure(fields, rules)
    contacts = pl.DataFrame(
        {
            "line": sheet.lines,
            "name": check_names(names, good["name"], book, chinese=rules.chinese_names, fix=rules.fix_names),
            "email_address": check_addresses(address, good["email_address"], book, longest=rules.email_max),
            "phone_number": check_phones(fields["phone_number"], good["phone_number"], book),
            "title": check_titles(fields["title"], good["title"], book),
            "message_types": check_ticks({kind: _at(sheet, index) for kind, index in columns.ticks.items()}, book)
            if columns.ticks and "message_types" not in columns.fields
            else check_types(fields["message_types"], good["message_types"], book),
            "priority": check_priorities(fields["priority"], book),
        }
    ).with_row_index("row")
    routes = _routes(sheet, columns, book, rules)
    if sheet.guessed:
        doubt_encoding(sheet, columns, names, book)
    contacts = _kept(contacts, book)
    # A name that passed holds English letters and Chinese characters alone: to fold it is to lower its letters.
    keys = contacts.select(pl.col("name", "email_address").str.to_lowercase())
    contacts.insert_column(2, keys["name"].alias("key"))
    alone = distinct(keys)
    if ask is not None:
        check_delivery(contacts, address, book, ask)
        contacts = _kept(contacts, book)
    if not alone["email_address"]:
        _share(contacts, address, book, routes)
    if rules.strict:
        contacts = _strictly(_kept(contacts, book), names, book)
    headers = {name: sheet.columns[index] for name, index in columns.fields.items()}
    return Checked(contacts, book.findings(), book.rejected(), names, headers, rules.strict, alone["name"], routes)


def _sure(fields: dict[str, Column], rules: Rules) -> pl.DataFrame:
    """Of each field whether its cells are surely good as they are written: all columns at once, on all cores."""
    sure = {
        "name": naming.sure(pl.col("name"), chinese=rules.chinese_names),
        "email_address": addresses.sure(pl.col("email_address"), longest=rules.email_max),
        "phone_number": phones.sure(pl.col("phone_number")),
        "title": values.sure_title(pl.col("title")),
        "message_types": values.sure_types(pl.col("message_types")),
    }
    return pl.DataFrame({field: fields[field].cells for field in sure}).select(**sure)


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
    cells = sheet.frame.to_series(index)
    return Column(sheet.columns[index], cells.fill_null("") if cells.null_count() else cells, sheet.lines)


def _routes(sheet: "Sheet", columns: "Columns", book: Book, rules: Rules) -> pl.Series | None:
    if "directory" not in columns.fields:
        return None
    return check_routes(_at(sheet, columns.fields["directory"]), book, rules.directories)


def _share(contacts: pl.DataFrame, column: Column, book: Book, routes: pl.Series | None) -> None:
    """Warn of contacts that share an address, letter case aside, with an earlier one: another name, same directory."""
    rows = contacts.select("row", "line", "key", address=pl.col("email_address").str.to_lowercase())
    if routes is not None:
        place = routes.gather(rows["row"]).fill_null("")
        rows = rows.with_columns(address=pl.format("{} {}", place, "address"))
    pairs = rows.select("key", "address").unique()
    rows = rows.join(pairs.filter(pl.col("address").is_duplicated()), on="address", how="semi", maintain_order="left")
    first = pl.col("line", "key").first().over("address").name.prefix("first_")
    shared = rows.with_columns(first).filter(pl.col("key") != pl.col("first_key"))
    book.write("email-shared", column, shared.select("row", detail=pl.col("first_line").cast(pl.String)))
