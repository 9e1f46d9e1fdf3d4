"""One session with the directory's API: signs, sends once, reads a bounded answer, says what it means."""

import ssl
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from secrets import token_hex
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from importer.directory import Parameters
from importer.directory.credentials import CredentialSource, Keys
from importer.directory.outcome import classify, fault
from importer.directory.route import proxy_for, trust
from importer.directory.signature import EMPTY, authorization, encoded
from importer.model.errors import FixAccess
from importer.model.operation import Answer, Outcome
from importer.version import __version__

VERSION = "2022-04-19"
RESPONSE_MAX = 1 << 20
IDLE = 10.0  # seconds that a connection is kept for the next call; servers commonly close after 15 or more


class TooLarge(Exception):
    """The answer is longer than any that the service gives."""


class Client:
    """A `Caller` over HTTP; an async context manager, whose entry raises `FixAccess` without credentials.

    ``timeout`` is the whole call's, in seconds. ``proxies`` is what the environment says unless given:
    scheme → URL, with ``no`` for the hosts that need none. Nothing is ever sent twice below `call`, except
    where the first copy was refused for its signature, and so surely not carried out.
    """

    def __init__(
        self,
        endpoint: str,
        credentials: CredentialSource,
        *,
        timeout: float = 30.0,
        response_max: int = RESPONSE_MAX,
        wall: Callable[[], float] = time.time,
        nonce: Callable[[], str] = lambda: token_hex(16),
        proxies: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        connector: Callable[[], aiohttp.BaseConnector] | None = None,
    ) -> None:
        self._base = endpoint.rstrip("/")
        self._credentials = credentials
        # Connecting gets less than the whole, so that running out of the whole means: something was sent.
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=min(10.0, timeout / 2))
        self._response_max = response_max
        self._wall = wall
        self._nonce = nonce
        self._proxies = proxies
        self._tls = tls
        self._connector = connector
        self._stamp = (0, "")
        self._told: tuple[str | None, float] = (None, 0.0)  # the server's date of the last answer, and our time
        self._fixed = {
            "host": urlsplit(self._base).netloc,
            "x-acs-version": VERSION,
            "x-acs-content-sha256": EMPTY,
            "accept": "application/json",
        }

    async def __aenter__(self) -> Self:
        proxy, proxy_headers = proxy_for(self._base, self._proxies)
        await self._credentials.get()
        self._session = aiohttp.ClientSession(
            connector=self._connect(),
            timeout=self._timeout,
            # A server or proxy that compresses all the same gives a body that is no JSON: never a bomb.
            headers={"User-Agent": f"importer/{__version__}", "Accept-Encoding": "identity"},
            skip_auto_headers=("Content-Type",),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            # Not trust_env: it asks the environment, and ~/.netrc, in a thread before each call.
            proxy=proxy,
            trust_env=False,
        )
        self._options: dict[str, Any] = {"allow_redirects": False}
        if proxy is not None:
            self._options["proxy_headers"] = proxy_headers
        return self

    def _connect(self) -> aiohttp.BaseConnector:
        if self._connector is not None:
            return self._connector()
        tls = self._tls or (trust() if self._base.startswith("https:") else None)
        # How many calls are under way at once is for submit to say.
        return aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE, ssl=tls or True)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    @property
    def skew(self) -> float | None:
        """Seconds, to about one, that the server's clock is ahead of ours by its last answer; ``None``: not told."""
        date, now = self._told
        return None if date is None else ahead(date, now)

    async def call(self, action: str, parameters: Parameters) -> Answer:
        """One attempt; a second only after a refusal that new keys or a new time may cure."""
        try:
            query = encoded(canonical(parameters))
            url = URL(f"{self._base}/?{query}", encoded=True)
            keys = await self._credentials.get()
        except UnicodeEncodeError:
            return fault(action, "UnsendableText", sent=False)
        except FixAccess as error:
            return _barred(action, error, sent=False)
        answer = await self._attempt(action, query, url, keys)
        if answer.outcome is not Outcome.STOP:
            return answer
        if answer.code.startswith("InvalidTimeStamp"):
            return await self._attempt(action, query, url, keys)
        if not _stale(answer.code, keys):
            return answer
        renewed = await self._renewed(answer, keys)
        return renewed if isinstance(renewed, Answer) else await self._attempt(action, query, url, renewed)

    async def _renewed(self, answer: Answer, keys: Keys) -> Keys | Answer:
        """Other keys than those that were refused, or the answer when there are none."""
        try:
            keys_now = await self._credentials.renew(keys)
        except FixAccess as error:
            return answer._replace(message=error.message)
        return answer if keys_now == keys else keys_now

    async def _attempt(self, action: str, query: str, url: URL, keys: Keys) -> Answer:
        headers = self._headers(action, query, keys)
        try:
            async with self._session.post(url, headers=headers, **self._options) as response:
                body = await self._read(response)
                status, received = response.status, response.headers
            now = self._wall()
            self._told = (received.get("Date"), now)
        except TooLarge:
            return fault(action, "ResponseTooLarge", sent=True)
        except Exception as error:  # noqa: BLE001 - what aiohttp raises holds the URL, and so names: all of it ends here
            return _failed(action, error)
        return classify(action, status=status, headers=received, body=body, now=now)

    def _headers(self, action: str, query: str, keys: Keys) -> dict[str, str]:
        headers = {
            **self._fixed,
            "x-acs-action": action,
            "x-acs-date": self._date(),
            "x-acs-signature-nonce": self._nonce(),
        }
        if keys.security_token:
            headers["x-acs-accesskey-id"] = keys.access_key_id
            headers["x-acs-security-token"] = keys.security_token
        headers["Authorization"] = authorization(query, headers, keys.access_key_id, keys.access_key_secret)
        return headers

    def _date(self) -> str:
        second = int(self._wall())
        if self._stamp[0] != second:
            self._stamp = (second, datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        return self._stamp[1]

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        length = response.content_length
        if length is not None:
            if length > self._response_max:
                response.close()
                raise TooLarge
            return await response.read()
        parts, size = [], 0
        async for part in response.content.iter_any():
            size += len(part)
            if size > self._response_max:
                response.close()
                raise TooLarge
            parts.append(part)
        return b"".join(parts)


def canonical(parameters: Parameters) -> dict[str, str]:
    """Parameters as they travel: sorted, lists as ``Name.1``, ``Name.2``…, without those that are ``None``.

    A phone number that is empty is left out too: the service refuses it.
    """
    flat: dict[str, str] = {}
    for name, value in parameters.items():
        if isinstance(value, tuple):
            for position, item in enumerate(value, 1):
                flat[f"{name}.{position}"] = item
        elif value is not None and not (name == "PhoneNumber" and value == ""):
            flat[name] = str(value)
    return dict(sorted(flat.items()))


def ahead(date: str, now: float) -> float | None:
    """Seconds from ``now`` to a header's date, which is cut to whole seconds; ``None`` when it is no date."""
    try:
        return parsedate_to_datetime(date).timestamp() + 0.5 - now
    except (ValueError, TypeError, OverflowError):
        return None


def _barred(action: str, error: FixAccess, *, sent: bool) -> Answer:
    return fault(action, "NoCredentials", sent=sent)._replace(message=error.message)


def _stale(code: str, keys: Keys) -> bool:
    """Whether other keys may cure it: a token that ended, or a temporary key that is known no more."""
    if code.startswith("InvalidSecurityToken"):
        return True
    refused = code.startswith("InvalidAccessKeyId") or code in (
        "SignatureDoesNotMatch",
        "IncompleteSignature",
    )
    return refused and keys.security_token is not None


# aiohttp raises these while it connects, when no byte of the request has left; the first that fits counts.
_NOT_SENT = (
    (aiohttp.ClientConnectorDNSError, "DNSFailed"),
    (aiohttp.ClientProxyConnectionError, "ProxyFailed"),
    (aiohttp.ClientConnectorCertificateError, "CertificateFailed"),
    (aiohttp.ClientConnectorSSLError, "TLSFailed"),
    (aiohttp.ServerFingerprintMismatch, "TLSFailed"),
    (aiohttp.ConnectionTimeoutError, "ConnectTimeout"),
    (aiohttp.ClientConnectorError, "ConnectFailed"),
)
_MAYBE_SENT = (
    (TimeoutError, "Timeout"),
    (aiohttp.ClientPayloadError, "Disconnected"),
    (aiohttp.ClientResponseError, "BadResponse"),
    (OSError, "Disconnected"),
    (aiohttp.ClientConnectionError, "Disconnected"),
)


def _failed(action: str, error: Exception) -> Answer:
    """What a failure means, by what aiohttp reports; the unheard-of may have been sent."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        lasting = 400 <= error.status < 500 and error.status not in (408, 429)
        return fault(action, "ProxyRefused" if lasting else "ProxyFailed", sent=False)
    for kind, word in _NOT_SENT:
        if isinstance(error, kind):
            return fault(action, word, sent=False)
    word = next((word for kind, word in _MAYBE_SENT if isinstance(error, kind)), "BadResponse")
    return fault(action, word, sent=True)
