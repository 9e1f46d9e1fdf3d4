"""The parameters of a call and the rules of each field, as the API's reference words them."""

import re
from collections.abc import Mapping, Sequence

from importer.emulator.errors import Refusal
from importer.emulator.limits import Limits

TITLES = frozenset(("FinanceDirector", "TechnicalDirector", "MaintenanceDirector", "CEO", "ProjectDirector", "Other"))
MESSAGE_TYPES = frozenset(
    (
        "ServiceMessage",
        "FaultMessage",
        "AccountExpenses",
        "SecurityMessage",
        "ActivityMessage",
        "ProductMessage",
    )
)

_LATIN = re.compile(r"[A-Za-z]+")
_LETTERS = re.compile(r"[A-Za-z\u3400-\u4dbf\u4e00-\u9fff]+")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = rf'(?:{_ATOM}(?:\.{_ATOM})*|"[A-Za-z0-9 .@!#$%&\'*+/=?^_`{{|}}~-]+")'
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"{_LOCAL}@(?:{_LABEL}\.)+[A-Za-z][A-Za-z0-9-]{{0,61}}[A-Za-z0-9]")
_PHONE = re.compile(r"([0-9]{1,4})-([0-9]{3,20})")
_MOBILE = re.compile(r"1[0-9]{10}")
_CONTACT_ID = re.compile(r"c-[A-Za-z0-9]{1,64}")
_MEMBER = re.compile(r"(?:rd|r|fd)-[A-Za-z0-9]{1,64}|[0-9]{6,32}")
_TRUE, _FALSE = ("true", "1"), ("false", "0")

Values = Mapping[str, str | Sequence[str]]


class Parameters:
    """The parameters of one call, flat as on the wire (``MessageTypes.1``) or with lists; `None` is no value."""

    __slots__ = ("_values",)

    def __init__(self, values: Values) -> None:
        self._values = values

    def text(self, name: str) -> str | None:
        value = self._values.get(name)
        return value if isinstance(value, str) else None

    def many(self, name: str) -> list[str]:
        """``Name.N`` in the order of N, gaps allowed; a lone ``Name=X`` is a list of one."""
        found = self._values.get(name)
        if found is not None:
            return [found] if isinstance(found, str) and found else list(found)
        prefix, start = f"{name}.", len(name) + 1
        numbered = [
            (int(key[start:]), str(value))
            for key, value in self._values.items()
            if key.startswith(prefix) and _is_number(key[start:])
        ]
        return [value for _, value in sorted(numbered)]

    def number(self, name: str, default: int, most: int) -> int:
        """A whole number from 1 to ``most``. Raises `Refusal`."""
        text = self.text(name)
        if not text:
            return default
        if not _is_number(text) or not 1 <= int(text) <= most:
            raise Refusal(f"InvalidParameter.{name}")
        return int(text)

    def flag(self, name: str, *, default: bool) -> bool:
        """``true`` or ``false`` in any case. Raises `Refusal`."""
        text = (self.text(name) or "").lower()
        if text and text not in _TRUE + _FALSE:
            raise Refusal(f"InvalidParameter.{name}")
        return text in _TRUE if text else default


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9


def name(value: str, limits: Limits) -> str:
    """2–12 letters; the alphabet is checked before the length."""
    if not (_LETTERS if limits.chinese_names else _LATIN).fullmatch(value):
        raise Refusal("InvalidParameter.Name")
    if not 2 <= len(value) <= 12:
        raise Refusal("InvalidParameter.Name.Length")
    return value


def email(value: str, limits: Limits) -> str:
    if not _EMAIL.fullmatch(value):
        raise Refusal("InvalidParameter.EmailAddress")
    if len(value) > limits.email_max:
        raise Refusal("InvalidParameter.EmailAddress.Length")
    return value


def phone(value: str) -> str:
    """``86-`` and a mobile number of the mainland."""
    found = _PHONE.fullmatch(value)
    if not found:
        raise Refusal("InvalidParameter.PhoneNumber")
    if found[1] != "86":
        raise Refusal("InvalidParameter.MobileCountryCode")
    if not _MOBILE.fullmatch(found[2]):
        raise Refusal("InvalidParameter.PhoneNumber")
    return value


def title(value: str) -> str:
    if value not in TITLES:
        raise Refusal("InvalidParameter.Title")
    return value


def message_types(values: list[str]) -> tuple[str, ...]:
    if len(set(values)) != len(values) or not MESSAGE_TYPES.issuperset(values):
        raise Refusal("InvalidParameter.MessageTypes")
    return tuple(values)


def contact_id(parameters: Parameters) -> str:
    value = required(parameters, "ContactId")
    if not _CONTACT_ID.fullmatch(value):
        raise Refusal("InvalidParameter.ContactId")
    return value


def required(parameters: Parameters, field: str) -> str:
    value = parameters.text(field)
    if not value:
        raise Refusal(f"MissingParameter.{field}")
    return value


def optional(parameters: Parameters, field: str) -> str | None:
    """`None` when the parameter is absent; one that is present must not be empty."""
    value = parameters.text(field)
    if value == "":
        raise Refusal(f"MissingParameter.{field}")
    return value


def members(parameters: Parameters, limits: Limits) -> list[str]:
    values = parameters.many("Members")
    if not values or not all(_MEMBER.fullmatch(value) for value in values):
        raise Refusal("InvalidParameter.Members")
    if len(set(values)) != len(values):
        raise Refusal("InvalidParameter.Members.Duplicate")
    if len(values) > limits.members_per_call:
        raise Refusal("InvalidParameter.Members.Length")
    return values


def member(value: str, limits: Limits) -> str:
    if not _MEMBER.fullmatch(value):
        raise Refusal("InvalidParameter.Member")
    if limits.known_members and value not in limits.known_members:
        raise Refusal("EntityNotExists.Member")
    return value
