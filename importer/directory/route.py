"""The way to the endpoint: the proxy that the environment names, and the authorities that are trusted."""

import ipaddress
import os
import re
import ssl
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from importer.directory.endpoint import loopback
from importer.model.errors import FixAccess, FixCommand


def proxy_for(base: str, proxies: Mapping[str, str] | None = None) -> tuple[str | None, dict[str, str] | None]:
    """The proxy's URL without its password, and the headers that hold it; neither where no proxy is needed.

    ``proxies`` (scheme → URL, ``no`` for the exceptions) is read from the environment, or from the system's
    settings on Windows and macOS, unless given. A loopback host never needs one. Raises `FixCommand`.
    """
    parts = urlsplit(base)
    found = getproxies() if proxies is None else proxies
    proxy = found.get(parts.scheme) or found.get("all")
    if not proxy or loopback(parts.hostname or "") or exempt(parts, found.get("no", "")):
        return None, None
    if proxies is None and "no" not in found and proxy_bypass(parts.netloc):
        return None, None  # the system's own list of exceptions
    return _proxy(proxy)


def exempt(parts: SplitResult, exceptions: str) -> bool:
    """Whether ``NO_PROXY`` names the host: itself, a domain above it, host:port, a network, or ``*``."""
    host = (parts.hostname or "").lower().rstrip(".")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    for entry in exceptions.lower().replace(",", " ").split():
        name, _, number = entry.rpartition(":") if re.fullmatch(r"[^:]+:\d+", entry) else (entry, "", str(port))
        name = name.removeprefix("*.").strip(".[]")
        if entry == "*" or (number == str(port) and (host == name or host.endswith(f".{name}"))):
            return True
        if "/" in name and _within(host, name):
            return True
    return False


def _within(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _proxy(text: str) -> tuple[str, dict[str, str] | None]:
    hint = "Set HTTPS_PROXY to http://host:port, or put the endpoint into NO_PROXY."
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise FixCommand("the proxy that the environment names is not an http:// or https:// URL", hint=hint)
    where = f"[{host}]" if ":" in host else host
    url = f"{parts.scheme}://{where}" + (f":{port}" if port else "")
    if parts.username is None:
        return url, None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return url, {"Proxy-Authorization": "Basic " + b64encode(pair.encode()).decode("ascii")}


def trust(environ: Mapping[str, str] | None = None) -> ssl.SSLContext:
    """Certificates and host names verified against the system's authorities, or those of ``SSL_CERT_FILE``.

    Raises `FixAccess` when that file cannot be used: OpenSSL itself would trust nobody and not say why.
    """
    named = (os.environ if environ is None else environ).get("SSL_CERT_FILE")
    try:
        context = ssl.create_default_context(cafile=named or None)
    except OSError:
        raise FixAccess(
            f"SSL_CERT_FILE names {named}, which cannot be read as certificates",
            hint="Name a PEM file with the authorities to trust, or unset the variable.",
            code="CertificateFailed",
        ) from None
    if not named and not context.cert_store_stats()["x509_ca"] and not _system():
        import certifi  # some Pythons come without a store of their own

        context.load_verify_locations(certifi.where())
    return context


def _system() -> bool:
    """Whether OpenSSL has a directory of authorities, which it reads one by one when it needs them."""
    capath = ssl.get_default_verify_paths().capath
    return bool(capath) and any(Path(capath).iterdir())
