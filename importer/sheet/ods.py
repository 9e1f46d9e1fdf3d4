"""A look into ODS: rows and cells counted through their repetitions, never expanded."""

import re
from html import unescape

from importer.sheet.book import Details, Mark, Zip

TAG = re.compile(
    rb"<(/?)table:(table|table-row|table-cell|covered-table-cell)(?=[\s/>])((?:[^>\"']|\"[^\"]*\"|'[^']*')*?)(/?)>"
)
ATTRIBUTE = re.compile(rb"([\w:\-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
HIDDEN_STYLE = re.compile(rb"<style:style\b([^>]*)>\s*<style:table-properties\b[^>]*table:display=\"false\"")
TEXT = re.compile(rb"<[^>]*>")
KINDS = {"date": "date", "boolean": "boolean", "error": "error"}
NUMBERS = ("float", "currency", "percentage")
ERRORS = re.compile(r"#(?:N/A|DIV/0!|REF!|NAME\?|NUM!|NULL!|VALUE!)|Err:\d{3}")
SHOWN_MAX = 1000  # repetitions of one cell that are told apart


class Ods:
    """The parts of a workbook that tell more than its cells."""

    def __init__(self, parts: Zip) -> None:
        self._xml = parts.read("content.xml")
        styles = {_attributes(tag[1]).get("style:name", "") for tag in HIDDEN_STYLE.finditer(self._xml)}
        self.hidden_sheets: set[str] = set()
        self._tables: dict[str, tuple[int, int]] = {}
        start, name = 0, None
        for tag in TAG.finditer(self._xml):
            if tag[2] != b"table":
                continue
            if tag[1]:
                if name is not None:
                    self._tables[name] = (start, tag.start())
                name = None
            elif name is None:
                one = _attributes(tag[3])
                start, name = tag.end(), one.get("table:name", "")
                if one.get("table:style-name") in styles:
                    self.hidden_sheets.add(name)

    def details(self, name: str, long: list[tuple[int, int]]) -> Details:
        details = Details()
        wanted = set(long)
        row = column = 0
        start, end = self._tables.get(name, (0, 0))
        for tag in TAG.finditer(self._xml, start, end):
            kind = tag[2]
            if tag[1] or kind == b"table":
                continue
            one = _attributes(tag[3])
            if kind == b"table-row":
                repeated = _count(one, "table:number-rows-repeated")
                if one.get("table:visibility") in ("collapse", "filter"):
                    details.hide(row, row + repeated - 1)
                row, column = row + repeated, 0
                continue
            repeated = _count(one, "table:number-columns-repeated")
            if len(one) > 1:
                inner = b"" if tag[4] else self._xml[tag.end() : self._xml.find(b"</table:", tag.end())]
                _cell(details, (row - 1, column, min(repeated, SHOWN_MAX)), one, inner, wanted)
            column += repeated
        return details


def _cell(
    details: Details, place: tuple[int, int, int], one: dict[str, str], inner: bytes, long: set[tuple[int, int]]
) -> None:
    row, column, repeated = place
    down, across = _count(one, "table:number-rows-spanned"), _count(one, "table:number-columns-spanned")
    if down > 1 or across > 1:
        details.merged.append((row, column, row + down - 1, column + across - 1))
    text = unescape(TEXT.sub(b"", inner).decode(errors="replace")).strip()
    type_ = one.get("calcext:value-type") or one.get("office:value-type", "")
    kind = KINDS.get(type_)
    if kind is None and "table:formula" in one:
        kind = "error" if ERRORS.fullmatch(text) else None if type_ else "formula"
    for index in range(column, column + repeated):
        if kind is None and type_ in NUMBERS and (row, index) in long:
            details.marks.append(Mark(row, index, "long", text))
        elif kind is not None:
            shown = one["table:formula"] if kind == "formula" else _shown(kind, one, text)
            details.marks.append(Mark(row, index, kind, shown))


def _shown(kind: str, one: dict[str, str], text: str) -> str:
    if kind == "boolean":
        return one.get("office:boolean-value", text).upper()
    return one.get("office:date-value", text) if kind == "date" else text


def _attributes(text: bytes) -> dict[str, str]:
    return {
        name.decode(errors="replace"): unescape((double or single).decode(errors="replace"))
        for name, double, single in ATTRIBUTE.findall(text)
    }


def _count(one: dict[str, str], name: str) -> int:
    value = one.get(name, "1")
    return max(1, int(value)) if value.isdecimal() and len(value) < 10 else 1
