"""Asking the domain name system whether mail can be delivered to a domain; imported only when that is wanted."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import TYPE_CHECKING

from importer.model.errors import FixCommand
from importer.stage.delivery import Ask, Reach

try:
    import dns.exception
    import dns.name
    import dns.resolver
except ImportError:
    raise FixCommand(
        "--check-domains needs dnspython, which is not installed", hint="pip install 'importer[domains]'"
    ) from None

if TYPE_CHECKING:
    from dns.resolver import Resolver

TIMEOUT = 5.0  # seconds for one question, its repetitions included
AT_ONCE = 16  # domains asked about together; when all of them fail, the network does, and no more are asked
SURE = "aliyun.com"  # a domain that takes mail: where even this one does not exist, the answers are worth nothing


class Said(Enum):
    """What the network says of a domain; the text is the reason given for no."""

    YES = ""
    UNKNOWN = "nothing was learned"
    MISSING = "there is no such domain"
    CLOSED = "the domain says that it takes no mail"
    NOBODY = "the domain has no mail server"


def asker(resolver: "Resolver | None" = None, *, timeout: float = TIMEOUT) -> Ask:
    """Asks about domains, each once however often it is named; ``resolver``: the system's own without one."""
    said: dict[str, Said] = {}

    def ask(domains: Sequence[str]) -> Reach:
        new = [domain for domain in dict.fromkeys(domains) if domain not in said]
        said.update(_asked(new, resolver, timeout))
        known = {domain: said[domain] for domain in domains}
        return Reach(
            {domain: word.value for domain, word in known.items() if word not in (Said.YES, Said.UNKNOWN)},
            [domain for domain, word in known.items() if word is Said.UNKNOWN],
        )

    return ask


def _asked(domains: Sequence[str], resolver: "Resolver | None", timeout: float) -> dict[str, Said]:
    said = dict.fromkeys(domains, Said.UNKNOWN)
    try:
        resolver = resolver or dns.resolver.Resolver()
    except (dns.exception.DNSException, OSError):  # a machine without a network has none to ask
        return said
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for start in range(0, len(domains), AT_ONCE):
            part = domains[start : start + AT_ONCE]
            said |= zip(part, threads.map(lambda domain: look(domain, resolver, timeout), part), strict=True)
            if all(said[domain] is Said.UNKNOWN for domain in part):
                break
    return said if _worth(said.values(), resolver, timeout) else dict.fromkeys(domains, Said.UNKNOWN)


def _worth(said: Iterable[Said], resolver: "Resolver", timeout: float) -> bool:
    """Whether a no can be believed: some networks say of every name outside that it does not exist."""
    words = set(said)
    return Said.YES in words or words <= {Said.UNKNOWN} or look(SURE, resolver, timeout) is Said.YES


def look(domain: str, resolver: "Resolver", timeout: float = TIMEOUT) -> Said:
    """Ask for a mail server and, where none is named, for an address, as mail servers do (RFC 5321, 5.1; RFC 7505)."""
    try:
        name = dns.name.from_text(domain + ".", idna_codec=dns.name.IDNA_2008_UTS_46)
        try:
            servers = list(resolver.resolve(name, "MX", lifetime=timeout))
        except dns.resolver.NoAnswer:
            return _housed(name, resolver, timeout)
    except dns.resolver.NXDOMAIN:
        return Said.MISSING
    except (dns.exception.DNSException, OSError, ValueError):
        return Said.UNKNOWN
    return Said.CLOSED if all(server.exchange == dns.name.root for server in servers) else Said.YES


def _housed(name: "dns.name.Name", resolver: "Resolver", timeout: float) -> Said:
    for kind in ("A", "AAAA"):
        try:
            resolver.resolve(name, kind, lifetime=timeout)
        except dns.resolver.NoAnswer:
            continue
        return Said.YES
    return Said.NOBODY
