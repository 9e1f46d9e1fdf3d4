"""Where a ledger is: a path, or the address of a server, which is never shown with its password."""

import re

SCHEMES = ("postgresql", "postgres")
PASSWORD = re.compile(r"(?<=//)([^/?#@:]*):[^/?#]*@")
PARAMETER = re.compile(r"([?&](?:password|sslpassword|passfile)=)[^&#]*", re.IGNORECASE)


def scheme(ledger: str) -> str | None:
    """What stands before ``://``; ``None`` for a path."""
    word, parted, _ = ledger.partition("://")
    return word.lower() if parted else None


def redacted(ledger: str) -> str:
    """As it may be shown: without a password, wherever it stood."""
    return PARAMETER.sub(r"\1***", PASSWORD.sub(r"\1@", ledger))
