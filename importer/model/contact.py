"""A contact: its fields, their values and rules, and the folded name that is its key."""

import unicodedata
from dataclasses import dataclass

FIELDS = ("name", "email_address", "phone_number", "title", "message_types")
REQUIRED = ("name", "email_address", "title", "message_types")

API_NAMES = {
    "name": "Name",
    "email_address": "EmailAddress",
    "phone_number": "PhoneNumber",
    "title": "Title",
    "message_types": "MessageTypes",
}

# Value of the API → the label its Chinese console shows, which people write in spreadsheets.
TITLES = {
    "FinanceDirector": "财务负责人",
    "TechnicalDirector": "技术负责人",
    "MaintenanceDirector": "运维负责人",
    "CEO": "CEO",
    "ProjectDirector": "项目负责人",
    "Other": "其它",
}
MESSAGE_TYPES = {
    "ServiceMessage": "服务消息",
    "FaultMessage": "故障消息",
    "AccountExpenses": "账号资金消息",
    "SecurityMessage": "安全消息",
    "ActivityMessage": "活动消息",
    "ProductMessage": "产品消息",
}

NAME_MIN = 2
NAME_MAX = 12
EMAIL_MAX = 128

LIST_SEPARATOR = ";"  # message types in one text: in frames, in the ledger and in exports


def fold(name: str) -> str:
    """The key of a name: NFKC, then casefold, so that ``Tom``, ``TOM`` and ``Ｔｏｍ`` are one."""
    return unicodedata.normalize("NFKC", name).casefold()


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say of checking: rules that are assumed, not documented, and how strictly they are taken."""

    chinese_names: bool = True
    email_max: int = EMAIL_MAX
    strict: bool = False  # a warning rejects its row too
    fix_names: bool = False  # a name that does not fit is replaced by the one proposed for it
    directories: tuple[str, ...] = ()  # the profiles that a row may name


@dataclass(frozen=True, slots=True)
class Contact:
    """A checked row; ``message_types`` in the order of `MESSAGE_TYPES`, no phone number is ``None``."""

    name: str
    email_address: str
    phone_number: str | None
    title: str
    message_types: tuple[str, ...]

    @property
    def key(self) -> str:
        return fold(self.name)
