"""Headers and what they mean: synonyms, near misses, and one column for each message type."""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache

from importer.model.contact import API_NAMES, FIELDS, MESSAGE_TYPES, REQUIRED
from importer.model.errors import FixCommand, FixFile
from importer.model.finding import Finding, Rule, Severity

OPTIONAL = ("priority", "directory")
# The names that people give the columns, in English and Chinese, simplified and traditional.
SYNONYMS = {
    "name": "name, full name, contact, contact name, contact person, person, display name, 姓名, 名字, 名称, 联系人, "
    "联系人姓名, 联系人名称, 联络人, 联繫人, 聯絡人, 聯繫人, 聯絡人姓名, 名稱, 姓名/name, name/姓名",
    "email_address": "email address, email, e-mail, e-mail address, mail, mail address, email addr, emails, 邮箱, "
    "邮件, 电子邮件, 电子邮箱, 邮箱地址, 邮件地址, 电子邮件地址, 电子邮箱地址, 联系邮箱, 联系人邮箱, 電子郵件, 郵箱, "
    "電郵, "
    "信箱, 電子信箱, 郵件, 電子郵件地址, email/邮箱, 邮箱/email",
    "phone_number": "phone number, phone, mobile, mobile phone, mobile number, mobile phone number, cell, cell phone, "
    "cellphone, tel, tel., telephone, telephone number, phone no, phone no., 手机, 手机号, 手机号码, 电话, 电话号码, "
    "联系电话, 联系手机, 移动电话, 联系方式, 手機, 手機號碼, 手機號, 電話, 電話號碼, 聯絡電話, 行動電話",
    "title": "title, job title, job, position, role, post, 职位, 职务, 岗位, 职称, 角色, 头衔, 職位, 職務, 職稱, 職銜",
    "message_types": "message types, message type, messages, message, types of messages, notification types, "
    "notification type, notifications, 消息类型, 消息, 消息种类, 通知类型, 接收消息类型, 消息接收类型, 訊息類型, "
    "消息類型, 通知類型",
    "priority": "priority, 优先级, 优先顺序, 優先級",
    "directory": "directory, resource directory, account, profile, 资源目录, 目录, 账号, 資源目錄",
}
TICKS = frozenset({"x", "1", "true", "yes", "y", "on", "是", "✓", "✔", "√", "☑", "✅", "对", "有", "勾选", "選"})
BLANKS = frozenset({"", "0", "false", "no", "n", "off", "否", "-", "—", "/", "✗", "✘", "×", "☐", "无"})

OURS = ("importer status", "importer says")  # the columns of annotated files; reading leaves them out

DOUBLE = Rule("two-columns-for-one-field", Severity.ERROR, "One column holds each field.")
NEAR = Rule("header-near-miss", Severity.WARNING, "A header is spelt as one that is known.")
IGNORED = Rule("column-ignored", Severity.NOTE, "A column has a use.")
RULES = (DOUBLE, NEAR, IGNORED)


SIGNS = re.compile(r"[\s_\-.*:()（）\[\]'\"#/\\\ufeff]+")


@lru_cache(maxsize=1024)  # the first rows are looked at once for each delimiter that they may be parted by
def key(header: str) -> str:
    """What two spellings of a header share: NFKC, letter case, blanks, and the signs around words left out."""
    return SIGNS.sub("", unicodedata.normalize("NFKC", header).casefold())


def _vocabulary() -> dict[str, str]:
    words = {key(word): name for name, line in SYNONYMS.items() for word in line.split(", ")}
    words.update({key(api): name for name, api in API_NAMES.items()})
    return words


WORDS = _vocabulary()
TYPE_WORDS = {key(word): name for name, label in MESSAGE_TYPES.items() for word in (name, label)}
KNOWN = frozenset({*WORDS, *TYPE_WORDS})


def known(mapping: Mapping[str, str] | None = None) -> frozenset[str]:
    """The keys of all headers that are known, with those of ``mapping`` (header → field)."""
    return KNOWN | {key(header) for header in mapping or ()}


def hits(cells: Collection[str], words: frozenset[str]) -> int:
    """How many different known headers are among the cells."""
    return len(words.intersection([key(cell) for cell in cells if cell and len(cell) <= 64]))


MOBILE = {
    key(w)
    for w in (
        "mobile",
        "mobile phone",
        "mobile number",
        "mobile phone number",
        "手机",
        "手机号",
        "手机号码",
        "手機",
        "手機號碼",
    )
}


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column holds what, by index; ``ticks`` are columns that each stand for one message type."""

    fields: Mapping[str, int]
    ticks: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def match(columns: Sequence[str], mapping: Mapping[str, str] | None = None) -> Columns:
    """Give each field its column. Raises `FixFile` for a missing required one, `FixCommand` for a wrong mapping."""
    given = _mapped(columns, mapping or {})
    candidates = _candidates(columns, given)
    findings: list[Finding] = []
    fields: dict[str, int] = {}
    for name, places in candidates.items():
        fields[name] = _one(name, places, columns)
        if len(places) > 1:
            findings.append(_second(name, fields[name], places, columns))
    ticks = _ticks(columns, fields)
    if "message_types" in fields and ticks:
        findings.append(_both(columns, fields, ticks))
        ticks = {}
    _require(columns, fields, ticks)
    used = {*fields.values(), *ticks.values()}
    findings += _leftovers(columns, used, fields)
    return Columns(fields, ticks, tuple(findings))


def _field(text: str) -> str | None:
    """The field that a name on the command line or in the settings stands for."""
    wanted = key(text)
    return next((name for name in (*FIELDS, *OPTIONAL) if wanted == key(name)), None) or WORDS.get(wanted)


def _mapped(columns: Sequence[str], mapping: Mapping[str, str]) -> dict[int, str]:
    by_key = {key(header): index for index, header in reversed(list(enumerate(columns)))}
    places: dict[int, str] = {}
    for header, target in mapping.items():
        name = _field(target)
        if name is None:
            near = get_close_matches(target, API_NAMES.values(), n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Fields are {', '.join(API_NAMES.values())}."
            raise FixCommand(f"{target} is no field that a column can be mapped to", hint=hint)
        if key(header) not in by_key:
            near = get_close_matches(header, columns, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Headers are: {_listed(columns)}."
            raise FixCommand(f"there is no column {header} to map to {target}", hint=hint)
        places[by_key[key(header)]] = name
    return places


def _candidates(columns: Sequence[str], given: Mapping[int, str]) -> dict[str, list[int]]:
    """Columns by field: a mapping stands alone, the API's own name goes before synonyms."""
    found: dict[str, list[int]] = {}
    for index, name in given.items():
        found.setdefault(name, []).append(index)
    mapped = set(found)
    for index, header in enumerate(columns):
        field_of = WORDS.get(key(header))
        if field_of is not None and field_of not in mapped and index not in given:
            found.setdefault(field_of, []).append(index)
    return found


def _one(name: str, places: Sequence[int], columns: Sequence[str]) -> int:
    if len(places) == 1:
        return places[0]
    for better in ({key(API_NAMES.get(name, name))}, MOBILE if name == "phone_number" else set()):
        best = [index for index in places if key(columns[index]) in better]
        if len(best) == 1:
            return best[0]
    headers = " and ".join(f"{plain(columns[index])} (column {letters(index)})" for index in places)
    raise FixFile(
        f"more than one column is for {API_NAMES.get(name, name)}: {headers}",
        hint=f'Rename all but one, or say which: --map "{plain(columns[places[0]])}={API_NAMES.get(name, name)}".',
        code=DOUBLE.id,
    )


def _second(name: str, used: int, places: Sequence[int], columns: Sequence[str]) -> Finding:
    others = ", ".join(plain(columns[index]) for index in places if index != used)
    message = f"{plain(columns[used])} is used for {API_NAMES.get(name, name)}; another column for it is not: {others}"
    return Finding(DOUBLE.id, Severity.WARNING, message, hint="Keep one of them.", column=columns[used])


def _ticks(columns: Sequence[str], fields: Mapping[str, int]) -> dict[str, int]:
    taken = set(fields.values())
    ticks: dict[str, int] = {}
    for index, header in enumerate(columns):
        name = TYPE_WORDS.get(key(header))
        if name is not None and index not in taken:
            ticks.setdefault(name, index)
    return ticks


def _both(columns: Sequence[str], fields: Mapping[str, int], ticks: Mapping[str, int]) -> Finding:
    names = ", ".join(columns[index] for index in ticks.values())
    return Finding(
        DOUBLE.id, Severity.WARNING,
        f"{columns[fields['message_types']]} is used; the columns of single message types are not: {names}",
        hint="Keep either the one column or those of the single types.",
    )  # fmt: skip


def _require(columns: Sequence[str], fields: Mapping[str, int], ticks: Mapping[str, int]) -> None:
    missing = [name for name in REQUIRED if name not in fields and not (name == "message_types" and ticks)]
    if not missing:
        return
    names = ", ".join(API_NAMES[name] for name in missing)
    near = [(header, name) for name in missing for header in [_nearest(name, columns, fields)] if header]
    hint = (
        "Rename the column, or map it: " + " ".join(f'--map "{h}={API_NAMES[n]}"' for h, n in near)
        if near
        else "Give the file a header row with the columns "
        + ", ".join(API_NAMES[name] for name in REQUIRED)
        + f', or say what stands for one: --map "Your header={API_NAMES[missing[0]]}".'
    )
    plural = "s" if len(missing) > 1 else ""
    raise FixFile(f"required column{plural} missing: {names}; the headers found are: {_listed(columns)}", hint=hint)


def _nearest(name: str, columns: Sequence[str], fields: Mapping[str, int]) -> str | None:
    """The header nearest to any word for the field, among those that are not in use."""
    words = [word for word, meaning in WORDS.items() if meaning == name]
    scored = [
        (header, near[0])
        for index, header in enumerate(columns)
        if index not in fields.values() and (near := get_close_matches(key(header), words, n=1, cutoff=0.75))
    ]
    return scored[0][0] if scored else None


def _leftovers(columns: Sequence[str], used: Collection[int], fields: Mapping[str, int]) -> list[Finding]:
    """A near miss of an optional field is worth a warning; columns without a use are named once."""
    findings: list[Finding] = []
    rest = {index: header for index, header in enumerate(columns) if index not in used and header.strip()}
    for name in ("phone_number", *OPTIONAL):
        header = None if name in fields else _nearest(name, list(rest.values()), {})
        if header is not None:
            target = API_NAMES.get(name, name)
            message = f"the column {plain(header)} is not used; is it {target}?"
            hint = f'Rename it, or map it: --map "{plain(header)}={target}".'
            findings.append(Finding(NEAR.id, NEAR.severity, message, hint=hint, column=header, suggestion=target))
    near = {finding.column for finding in findings}
    ignored = [header for header in rest.values() if header not in near]
    if ignored:
        findings.append(Finding(IGNORED.id, IGNORED.severity, f"columns without a use: {_listed(ignored)}"))
    return findings


def plain(text: str) -> str:
    """A header, or a sheet's name, as one may show it in a line: without line breaks, and not without end."""
    return "".join(char if char.isprintable() else " " for char in " ".join(text.split()))[:60] or "(blank)"


def _listed(headers: Sequence[str]) -> str:
    # A row of people that was taken for the header is not repeated where anybody may read it.
    shown = ["(an address)" if "@" in header else plain(header) for header in headers[:20]]
    return ", ".join(shown) + (f" and {len(headers) - 20} more" if len(headers) > 20 else "")


def letters(index: int) -> str:
    """The spreadsheet's name of a column: 0 is A, 26 is AA."""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(65 + rest) + name
    return name
