"""From an answer on the wire to what it means: pure, for every status, header and body there can be."""

import json
import math
import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from importer.directory.codes import (
    ADD,
    ASSOCIATE,
    DELETE,
    DELETION,
    DISASSOCIATE,
    GET,
    LIST,
    TABLE,
    VERIFICATIONS,
    Entry,
    find,
)
from importer.model.errors import FixAccess
from importer.model.operation import Answer, Outcome

__all__ = ["TABLE", "Entry", "classify", "fault", "find", "plain", "refusal"]

OK = "ok"
BOM = "\ufeff"
_MESSAGE_MAX = 500
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{1,99}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
_ELSEWHERE = (401, 403, 404, 405, 407, 421)  # without a code: a proxy, a portal or another service spoke
_ECHOES = ("SignatureDoesNotMatch", "IncompleteSignature")  # their messages repeat the request, its token too
_LASTING = (Outcome.DAILY, Outcome.FULL, Outcome.CONFLICT, Outcome.STOP)  # say more than a pause does

Body = dict[str, Any]


def classify(action: str, *, status: int, headers: Mapping[str, str], body: bytes, now: float) -> Answer:
    """What an answer means; never raises. ``now`` (seconds since the epoch) is for a Retry-After with a date.

    A success is a 200 with the fields of its action. Everything else goes by its code, by the status last.
    """
    content = _object(body, strict=status == 200)
    if status == 200 and content is not None and _complete(action, content):
        return Answer(Outcome.DONE, OK, status=200, request_id=_request_id(content, headers), body=content)
    code = _code(content)
    entry = find(code or _word(status), action)
    if entry is None:  # a code that nobody has told us of
        entry = find("BadRequest" if 400 <= status < 500 else _word(status), action)
    assert entry is not None, "every word of ours is in the table"
    answer = Answer(
        entry.outcome,
        code or entry.code,
        ("" if code in _ECHOES else _message(content)) or f"{entry.meaning} (HTTP {status})",
        status,
        _request_id(content, headers),
    )
    return _paused(answer, headers, now)


def fault(action: str, word: str, *, sent: bool) -> Answer:
    """What a failure of the network means; ``word`` is the table's; not ``sent``: surely nothing left."""
    entry = find(word, action)
    assert entry is not None, word
    return Answer(entry.outcome, word, entry.meaning, sent=sent)


def refusal(action: str, answer: Answer) -> FixAccess:
    """The error that ends a command for an answer that says stop; quotes nothing that the server worded."""
    entry = find(answer.code, action)
    meaning = entry.meaning if entry else "The service refused the call."
    ident = f", request {answer.request_id}" if answer.request_id else ""
    hint = entry.advice if entry else "Look the code up in the service's documentation."
    return FixAccess(f"{meaning} ({answer.code}{ident})", hint=hint, code=answer.code)


def plain(value: object, limit: int = _MESSAGE_MAX) -> str:
    """Text that can be stored and shown: no lone surrogates, no control characters, cut at ``limit``."""
    if not isinstance(value, str):
        return ""
    text = value[:limit]
    if text.isascii() and text.isprintable():
        return text
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def _object(body: bytes, *, strict: bool) -> Body | None:
    try:
        content = json.loads(body.decode("utf-8", "strict" if strict else "replace").removeprefix(BOM))
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _identified(content: Body) -> bool:
    return bool(content.get("RequestId")) and isinstance(content["RequestId"], str)


def _contact(content: Body) -> bool:
    return _names_contact(content.get("Contact"))


def _names_contact(contact: object) -> bool:
    if not isinstance(contact, dict):
        return False
    found = contact.get("ContactId")
    return isinstance(found, str) and 0 < len(found) <= 128 and found.isascii() and found.isprintable()


def _page(content: Body, items: str) -> bool:
    total, found = content.get("TotalCount"), content.get(items)
    if type(total) is not int or total < 0:
        return False
    return (found is None and total == 0) or (isinstance(found, list) and all(map(_names_contact, found)))


_COMPLETE: dict[str, Callable[[Body], bool]] = {
    ADD: _contact,
    GET: _contact,
    LIST: lambda content: _page(content, "Contacts"),
    VERIFICATIONS: lambda content: _page(content, "ContactVerifications"),
    DELETE: lambda content: isinstance(content.get("Status"), str),
    DELETION: lambda content: isinstance(content.get("ContactDeletionStatus"), dict),
    ASSOCIATE: lambda content: isinstance(content.get("Members"), list),
    DISASSOCIATE: lambda content: isinstance(content.get("Members"), list),
}


def _complete(action: str, content: Body) -> bool:
    return not content.get("Code") and _COMPLETE.get(action, _identified)(content)


def _code(content: Body | None) -> str | None:
    code = (content or {}).get("Code")
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def _message(content: Body | None) -> str:
    return plain((content or {}).get("Message"))


def _request_id(content: Body | None, headers: Mapping[str, str]) -> str | None:
    found = (content or {}).get("RequestId") or _header(headers, "x-acs-request-id")
    return found if isinstance(found, str) and _REQUEST_ID.fullmatch(found) else None


def _word(status: int) -> str:
    """Our word for an answer that brings no code, by its status."""
    if 300 <= status < 400:
        return "Redirect"
    if status == 429:
        return "TooManyRequests"
    if status in _ELSEWHERE:
        return "NotTheService"
    if 400 <= status < 500:
        return "BadRequest" if status != 408 else "Timeout"
    return "ServerError" if status >= 500 else "BadResponse"


def _paused(answer: Answer, headers: Mapping[str, str], now: float) -> Answer:
    """The answer with the wait that the server named, which makes a throttle of it.

    Some outcomes outlast a pause and stay what they are. So does an interrupted call, which a pause does
    not undo: only the gateway's own header, and a 503, say that it never began.
    """
    wait = _milliseconds(_header(headers, "x-acs-retry-after"))
    begun = answer.status is not None and answer.status != 503 and not 400 <= answer.status < 500
    uncertain = (wait is None and begun) or answer.code == "SignatureNonceUsed"
    wait = _seconds(_header(headers, "retry-after"), now) if wait is None else wait
    if wait is None:
        return answer
    if uncertain or answer.outcome in _LASTING:
        return answer._replace(wait=wait)
    return answer._replace(outcome=Outcome.THROTTLE, wait=wait)


def _header(headers: Mapping[str, str], name: str) -> str | None:
    found = headers.get(name)
    if found is None:
        found = next((value for key, value in headers.items() if key.lower() == name), None)
    return found


def _milliseconds(text: str | None) -> float | None:
    if text is None or not _NUMBER.fullmatch(text.strip()):
        return None
    return float(text) / 1000 or None


def _seconds(text: str | None, now: float) -> float | None:
    if text is None:
        return None
    if _NUMBER.fullmatch(text.strip()):
        return float(text)
    try:
        wait = parsedate_to_datetime(text).timestamp() - now
    except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
        return None
    return max(wait, 0.0) if math.isfinite(wait) else None
