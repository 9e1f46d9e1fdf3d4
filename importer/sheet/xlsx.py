"""A look into XLSX and XLSM: tags found by pattern in the parts' bytes, and only where a feature is there at all."""

import re
from collections.abc import Iterator

from importer.sheet.book import Details, Mark, Zip, text
from importer.sheet.kinds import DATES, is_date

SHEET = re.compile(rb"<(?:\w+:)?sheet\s([^>]*)>")
RELATION = re.compile(rb"<(?:\w+:)?Relationship\s([^>]*)>")
ATTRIBUTE = re.compile(rb"([\w:]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
ROW = re.compile(rb"<(?:\w+:)?row\b([^>]*)>")
MERGE = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?ref\s*=\s*[\"']\$?([A-Z]{1,3})\$?(\d+):\$?([A-Z]{1,3})\$?(\d+)")
CELL = re.compile(
    rb"<(?:\w+:)?(row|c)\b((?:[^>\"']|\"[^\"]*\"|'[^']*')*?)(/?)>(?:(?<!/>)([^<]*(?:<(?!/?(?:\w+:)?(?:c|row)\b)[^<]*)*))?"
)
COMMON = re.compile(
    rb'<c r="([A-Z]{1,3})(\d{1,9})"(?![^>]* t="s"[^>]*>)([^>]*)>'
    rb"(?:(<f)(?:[^>]*/>|[^>]*>([^<]*)</f>))?(?:<v>([^<]*)</v>)?"
)
HIDDEN = re.compile(rb'<row r="(\d{1,9})"[^>]*? hidden="(?:1|true)"')
VALUE = re.compile(rb"<(?:\w+:)?v\b[^>]*>([^<]+)<")
FORMULA = re.compile(rb"<(?:\w+:)?f\b([^>]*?)(?:/>|>([^<]*)<)")
FORMATS = re.compile(rb"<(?:\w+:)?numFmt\s([^>]*)>")
STYLES = re.compile(rb"<(?:\w+:)?cellXfs\b[^>]*>(.*?)</(?:\w+:)?cellXfs>", re.DOTALL)
STYLE = re.compile(rb"<(?:\w+:)?xf\s([^>]*)>")


class Xlsx:
    """The parts of a workbook that tell more than its cells."""

    def __init__(self, parts: Zip) -> None:
        self._parts = parts
        book = parts.read("xl/workbook.xml")
        targets = dict(relations(parts.read("xl/_rels/workbook.xml.rels")))
        self._targets: dict[str, str] = {}
        self.hidden_sheets: set[str] = set()
        for tag in SHEET.finditer(book):
            sheet = _attributes(tag[1])
            name = sheet.get("name", "")
            self._targets[name] = targets.get(next((sheet[key] for key in sheet if key.endswith(":id")), ""), "")
            if sheet.get("state", "visible") != "visible":
                self.hidden_sheets.add(name)
        parts.read("xl/sharedstrings.xml")

    def details(self, name: str, long: list[tuple[int, int]]) -> Details:
        xml = self._parts.read(self._targets.get(name, ""))
        details = Details()
        if b"hidden=" in xml:
            _hidden_rows(xml, details)
        merges = xml.find(b"mergeCells")
        if merges >= 0:
            found = MERGE.findall(xml, merges)
            details.merged = [(int(t) - 1, column(lt), int(b) - 1, column(r)) for lt, t, r, b in found]
        dates = self._date_styles(xml)
        if long or dates or any(sign in xml for sign in _signs(xml[:4096])):
            details.marks.extend(_marks(xml, dates, set(long)))
        return details

    def _date_styles(self, xml: bytes) -> frozenset[str]:
        """The styles that show numbers as dates, where a cell of the sheet has one."""
        styles = self._parts.read("xl/styles.xml")
        own = (_attributes(tag[1]) for tag in FORMATS.finditer(styles))
        codes = {one.get("numFmtId", ""): is_date(one.get("formatCode", "")) for one in own}
        found = STYLES.search(styles)
        formats = [_attributes(tag[1]).get("numFmtId", "0") for tag in STYLE.finditer(found[1] if found else b"")]
        dated = [
            str(index) for index, code in enumerate(formats) if codes.get(code, code.isdecimal() and int(code) in DATES)
        ]
        return frozenset(style for style in dated if f's="{style}"'.encode() in xml)


def _signs(head: bytes) -> tuple[bytes, ...]:
    """What a sheet with errors, booleans, dates or formulas holds; the head tells how its writer writes."""
    if b"='" in head or b":sheetData" in head or b"<sheetData" not in head:
        return (b'"e"', b'"b"', b'"d"', b"<f", b"'e'", b"'b'", b"'d'", b":f>", b":f ", b":f/")
    return (b'"e"', b'"b"', b'"d"', b"<f")


def _attributes(tag: bytes) -> dict[str, str]:
    return {name.decode(errors="replace"): text(double or single) for name, double, single in ATTRIBUTE.findall(tag)}


def relations(xml: bytes) -> Iterator[tuple[str, str]]:
    for tag in RELATION.finditer(xml):
        one = _attributes(tag[1])
        target = one.get("Target", "").replace("\\", "/")
        yield one.get("Id", ""), target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _hidden_rows(xml: bytes, details: Details) -> None:
    if xml.count(b"<row ") == xml.count(b'<row r="') and b":row " not in xml:
        for number_ in HIDDEN.findall(xml):
            details.hide(int(number_) - 1, int(number_) - 1)
        return
    number = 0
    for tag in ROW.finditer(xml):
        row = _attributes(tag[1])
        number = int(row["r"]) if row.get("r", "").isdecimal() else number + 1
        if row.get("hidden") in ("1", "true"):
            details.hide(number - 1, number - 1)


def _marks(xml: bytes, dates: frozenset[str], long: set[tuple[int, int]]) -> Iterator[Mark]:
    if xml.count(b"<c ") == xml.count(b'<c r="') and b":c " not in xml:
        return _common_marks(xml, dates, long)
    return _any_marks(xml, dates, long)


def _common_marks(xml: bytes, dates: frozenset[str], long: set[tuple[int, int]]) -> Iterator[Mark]:
    """Cells as nearly every program writes them, the texts among them left out by the pattern itself."""
    known: dict[bytes, dict[bytes, bytes]] = {}
    places: dict[bytes, int] = {}
    for cell in COMMON.finditer(xml):
        letters, number, attributes, sign, formula, value = cell.groups()
        one = known.get(attributes)
        if one is None:
            one = known[attributes] = {key: double or single for key, double, single in ATTRIBUTE.findall(attributes)}
        place = places.get(letters)
        if place is None:
            place = places[letters] = column(letters)
        row = int(number) - 1
        mark = _kind(one, (formula or b"") if sign else None, value, dates, long=(row, place) in long)
        if mark:
            yield Mark(row, place, *mark)


def _any_marks(xml: bytes, dates: frozenset[str], long: set[tuple[int, int]]) -> Iterator[Mark]:
    """Every cell in turn; one without a reference follows the one before it."""
    row = place = -1
    for tag in CELL.finditer(xml):
        one = {key: double or single for key, double, single in ATTRIBUTE.findall(tag[2])}
        if tag[1] == b"row":
            row, place = int(one[b"r"]) - 1 if one.get(b"r", b"").isdigit() else row + 1, -1
            continue
        place = column(one[b"r"].rstrip(b"0123456789")) if b"r" in one else place + 1
        formula, value = FORMULA.search(tag[4] or b""), VALUE.search(tag[4] or b"")
        mark = _kind(
            one, (formula[2] or b"") if formula else None, value[1] if value else None, dates, long=(row, place) in long
        )
        if mark:
            yield Mark(row, place, *mark)


def _kind(
    attributes: dict[bytes, bytes], formula: bytes | None, value: bytes | None, dates: frozenset[str], *, long: bool
) -> tuple[str, str] | None:
    type_ = attributes.get(b"t", b"n")
    if type_ == b"e":
        return "error", text(value)
    if formula is not None and not value and type_ not in (b"str", b"inlineStr"):
        return "formula", "=" + text(formula)
    if not value:
        return None
    if type_ == b"b":
        return "boolean", "TRUE" if value.strip() in (b"1", b"true") else "FALSE"
    if type_ == b"d" or (dates and type_ == b"n" and attributes.get(b"s", b"").decode(errors="replace") in dates):
        return "date", text(value)
    if long and type_ == b"n":
        return "long", text(value)
    return None


def column(letters: bytes) -> int:
    """A column's number from 0: A is 0, AA is 26."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number - 1
