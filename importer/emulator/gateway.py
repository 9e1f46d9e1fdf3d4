"""The gateway: who calls, what for, and whether the signature, the date and the nonce allow it."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from urllib.parse import quote, unquote_plus

from importer.emulator.errors import Refusal
from importer.emulator.operations import OPERATIONS

VERSION = "2022-04-19"
_DRIFT = 900.0  # seconds a date may be off
_V3 = "ACS3-HMAC-SHA256"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_AUTHORIZATION = re.compile(
    r"ACS3-HMAC-SHA256 +Credential=([^,\s]+), *SignedHeaders=([a-z0-9;_.-]+), *Signature=([0-9a-fA-F]+)"
)
_FORM_MAX = 256 * 1024  # to encode more anew would hold everybody else up
_SAFE = "-_.~"
_SHORT = 64  # characters; what is longer is not worth remembering
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*")
_MISMATCH = " server string to sign is:"


@dataclass(frozen=True, slots=True)
class Key:
    """An access key, the directory it belongs to and the operations it may call (patterns such as ``List*``).

    With a ``security_token`` it is a temporary one, good until ``expires_at`` (seconds since the epoch).
    """

    id: str
    secret: str
    directory: str = "default"
    actions: tuple[str, ...] = ("*",)
    security_token: str | None = None
    expires_at: float | None = None
    active: bool = True

    def __repr__(self) -> str:
        return f"Key(id={self.id!r}, directory={self.directory!r})"

    def may(self, action: str) -> bool:
        return self.actions == ("*",) or any(fnmatchcase(action, pattern) for pattern in self.actions)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came: ``target`` is the raw path and query; names of ``headers`` are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    secure: bool = False


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that the gateway let in."""

    key: Key
    action: str
    values: dict[str, str]


class Nonces:
    """Nonces that were used, in two generations: each is remembered for ``life`` seconds, or ``most`` newer ones."""

    def __init__(self, life: float = 2 * _DRIFT, most: int = 100_000) -> None:
        self._life = life
        self._most = most
        self._new: set[str] = set()
        self._old: set[str] = set()
        self._since = 0.0

    def use(self, nonce: str, now: float) -> bool:
        """True if it is new."""
        if now - self._since >= self._life or len(self._new) >= self._most:
            self._old = self._new if now - self._since < 2 * self._life else set()
            self._new, self._since = set(), now
        if nonce in self._new or nonce in self._old:
            return False
        self._new.add(nonce)
        return True


class Gateway:
    """Lets requests in or refuses them. ``wall`` is the real clock: signatures are dated by it."""

    def __init__(self, keys: Iterable[Key], wall: Callable[[], float], *, need_ssl: bool = False) -> None:
        self.keys = {key.id: key for key in keys}
        self.need_ssl = need_ssl
        self._wall = wall
        self._nonces = Nonces()

    def admit(self, request: Request) -> Admitted:
        """Raises `Refusal` with the code of the first thing that is wrong."""
        path, _, query = request.target.partition("?")
        if request.method not in ("GET", "POST"):
            raise Refusal("UnsupportedHTTPMethod")
        if path != "/":
            raise Refusal("InvalidApi.NotFound")
        if self.need_ssl and not request.secure:
            raise Refusal("InvalidProtocol.NeedSsl")
        pairs = parse(query)
        form = _form(request)
        values = dict(pairs + form)
        action = action_of(request, values)
        version = request.headers.get("x-acs-version") or values.get("Version")
        if version != VERSION:
            raise Refusal("InvalidVersion")
        if action not in OPERATIONS:
            raise Refusal("InvalidAction.NotFound")
        if request.headers.get("authorization", "").startswith(_V3):
            key = self._check_v3(request, pairs)
        elif "Signature" in values:
            key = self._check_rpc(request.method, pairs + form, values)
        else:
            raise Refusal("IncompleteSignature")
        if not key.may(action):
            raise _denied(key, action)
        return Admitted(key, action, values)

    def _check_v3(self, request: Request, pairs: list[tuple[str, str]]) -> Key:
        headers = request.headers
        found = _AUTHORIZATION.fullmatch(headers["authorization"])
        if not found:
            raise Refusal("IncompleteSignature")
        key = self._key(found[1])
        names = found[2].split(";")
        if not _all_signed(tuple(headers), found[2]):
            raise Refusal("IncompleteSignature")
        self._check_date(headers.get("x-acs-date"))
        canonical = canonical_request(request, pairs, names)
        to_sign = f"{_V3}\n{hashlib.sha256(_bytes(canonical)).hexdigest()}"
        if not _same(hmac_hex(key.secret, to_sign), found[3].lower()):
            more = f"{_MISMATCH}{to_sign},server canonicalRequest is:{canonical}"
            raise Refusal("SignatureDoesNotMatch", more=more)
        self._check_token(key, headers.get("x-acs-security-token"))
        self._check_nonce(key, headers.get("x-acs-signature-nonce"))
        return key

    def _check_rpc(self, method: str, pairs: list[tuple[str, str]], values: dict[str, str]) -> Key:
        """The older signature: HMAC-SHA1 over every parameter of query and form."""
        key = self._key(values.get("AccessKeyId", ""))
        if values.get("SignatureMethod") != "HMAC-SHA1" or values.get("SignatureVersion") != "1.0":
            raise Refusal("IncompleteSignature")
        self._check_date(values.get("Timestamp"))
        to_sign = rpc_string(method, pairs)
        digest = hmac.digest(_bytes(f"{key.secret}&"), _bytes(to_sign), "sha1")
        if not _same(base64.b64encode(digest).decode(), values["Signature"]):
            raise Refusal("SignatureDoesNotMatch", more=f"{_MISMATCH}{to_sign}")
        self._check_token(key, values.get("SecurityToken"))
        self._check_nonce(key, values.get("SignatureNonce"))
        return key

    def _key(self, key_id: str) -> Key:
        key = self.keys.get(key_id)
        if key is None:
            raise Refusal("InvalidAccessKeyId.NotFound")
        if not key.active:
            raise Refusal("InvalidAccessKeyId.Inactive")
        return key

    def _check_date(self, text: str | None) -> None:
        if text is None or (at := _seconds(text)) is None:
            raise Refusal("InvalidTimeStamp.Format")
        if abs(self._wall() - at) > _DRIFT:
            raise Refusal("InvalidTimeStamp.Expired")

    def _check_token(self, key: Key, token: str | None) -> None:
        if token == key.security_token:
            if key.expires_at is not None and self._wall() >= key.expires_at:
                raise Refusal("InvalidSecurityToken.Expired")
            return
        if key.security_token is None or not token:
            raise Refusal("InvalidSecurityToken.MismatchWithAccessKey")
        raise Refusal("InvalidSecurityToken.Malformed")

    def _check_nonce(self, key: Key, nonce: str | None) -> None:
        if not nonce:
            raise Refusal("IncompleteSignature")
        if not self._nonces.use(f"{key.id} {nonce}", self._wall()):
            raise Refusal("SignatureNonceUsed")


@lru_cache(maxsize=64)
def _seconds(date: str) -> float | None:
    """Seconds since the epoch; `None` if it is not such a date."""
    try:
        return datetime.fromisoformat(date).timestamp() if _DATE.fullmatch(date) else None
    except ValueError:
        return None


def action_of(request: Request, values: Mapping[str, str]) -> str:
    return request.headers.get("x-acs-action") or values.get("Action") or ""


def parse(query: str) -> list[tuple[str, str]]:
    """Names and values of a query or form, decoded; some clients write a space as ``+``, others as ``%20``."""
    return [_pair(part) if len(part) < _SHORT else _split(part) for part in query.split("&") if part]


def _split(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return (unquote_plus(name), unquote_plus(value)) if "%" in part or "+" in part else (name, value)


def _join(pair: tuple[str, str]) -> str:
    return f"{_encode(pair[0])}={_encode(pair[1])}"


_pair = lru_cache(maxsize=1024)(_split)  # most parameters of most calls are the same few
_encoded = lru_cache(maxsize=1024)(_join)


def _encode(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else quote(text, _SAFE, "utf-8", "surrogateescape")


def _form(request: Request) -> list[tuple[str, str]]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not request.body or kind != "application/x-www-form-urlencoded":
        return []
    if len(request.body) > _FORM_MAX:
        raise Refusal("RequestBodyTooLarge")
    return parse(request.body.decode("utf-8", "replace"))


def canonical_query(pairs: list[tuple[str, str]]) -> str:
    """Encoded anew: what a client left raw on the wire it signed percent-encoded."""
    return "&".join([_encoded(pair) if len(pair[1]) < _SHORT else _join(pair) for pair in sorted(pairs)])


def canonical_request(request: Request, pairs: list[tuple[str, str]], names: list[str]) -> str:
    headers = request.headers
    lines = "".join([f"{name}:{headers[name].strip()}\n" for name in names])
    digest = hashlib.sha256(request.body).hexdigest()
    return f"{request.method}\n/\n{canonical_query(pairs)}\n{lines}\n{';'.join(names)}\n{digest}"


def rpc_string(method: str, pairs: list[tuple[str, str]]) -> str:
    query = canonical_query([pair for pair in pairs if pair[0] != "Signature"])
    return f"{method}&%2F&{_encode(query)}"


def hmac_hex(secret: str, text: str) -> str:
    return hmac.digest(_bytes(secret), _bytes(text), "sha256").hex()


@lru_cache(maxsize=64)
def _all_signed(headers: tuple[str, ...], names: str) -> bool:
    """Host and every ``x-acs-`` header that came must be signed, and every signed one must have come."""
    ordered = names.split(";")
    signed = set(ordered)
    if "host" not in signed or ordered != sorted(signed) or not signed <= set(headers):
        return False
    return all(name in signed for name in headers if name.startswith("x-acs-"))


def _bytes(text: str) -> bytes:
    """As it came: what was no UTF-8 on the wire is that again."""
    return text.encode("utf-8", "surrogateescape")


def _same(ours: str, theirs: str) -> bool:
    return hmac.compare_digest(_bytes(ours), _bytes(theirs))


def _denied(key: Key, action: str) -> Refusal:
    refusal = Refusal("NoPermission")
    refusal.detail = {
        "PolicyType": "AccountLevelIdentityBasedPolicy",
        "AuthAction": f"resourcemanager:{action}",
        "AuthPrincipalType": "SubUser",
        "AuthPrincipalDisplayName": key.id,
        "AuthPrincipalOwnerId": key.directory,
        "NoPermissionType": "ImplicitDeny",
    }
    return refusal
