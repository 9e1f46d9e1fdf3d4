"""The endpoint that a person typed, made into a base URL; refused where a secret could leave in the clear."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from importer.model.errors import FixCommand

_HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_PORTS = {"http": 80, "https": 443}
_EXAMPLE = "Give a host such as resourcedirectory.aliyuncs.com, or https://host:port."


def endpoint_url(text: str) -> str:
    """``scheme://host[:port]``: https unless the host is loopback. Raises `FixCommand`, without passwords."""
    text = text.strip()
    if not text or not text.isprintable() or not text.isascii() or "\\" in text or " " in text:
        raise FixCommand("the endpoint is empty or holds characters that no host has", hint=_EXAMPLE)
    if "@" in text:
        raise FixCommand(
            "the endpoint holds a user name or password",
            hint="Credentials come from the environment or ~/.aliyun/config.json, never from the endpoint.",
        )
    parts = _split(text)
    host = _host(parts)
    if parts.path not in ("", "/") or "?" in text or "#" in text:
        raise FixCommand(f"the endpoint {host} is followed by a path or a query", hint=_EXAMPLE)
    if parts.scheme not in _PORTS:
        raise FixCommand(f"the endpoint {host} is neither https:// nor http://", hint=_EXAMPLE)
    if parts.scheme == "http" and not loopback(host):
        raise FixCommand(
            f"the endpoint http://{host} would send names and addresses in the clear",
            hint=f"Use https://{host}; http:// is for this machine alone (127.0.0.1, localhost).",
        )
    return f"{parts.scheme}://{_netloc(parts, host)}"


def identity(url: str) -> str:
    """What tells one service from another in the ledger: the host and any port, or ``loopback``."""
    parts = urlsplit(url)
    return "loopback" if loopback(parts.hostname or "") else parts.netloc.lower()


def loopback(host: str) -> bool:
    """Whether the host is this machine, by its name or address alone; nothing is looked up."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or (mapped is not None and mapped.is_loopback)


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        scheme = parts.scheme.lower() or ("http" if loopback(parts.hostname or "") else "https")
        parts = parts._replace(scheme=scheme)
        port = parts.port
    except ValueError:
        raise FixCommand("the endpoint is not a host, or its port is no number below 65536", hint=_EXAMPLE) from None
    if port == 0:
        raise FixCommand("the endpoint's port is 0", hint=_EXAMPLE)
    return parts


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if _HOST.fullmatch(host):
        return host
    try:
        return f"[{ipaddress.IPv6Address(host).compressed}]"
    except ValueError:
        raise FixCommand("the endpoint has no valid host", hint=_EXAMPLE) from None


def _netloc(parts: SplitResult, host: str) -> str:
    port = parts.port
    return host if port is None or port == _PORTS[parts.scheme] else f"{host}:{port}"
