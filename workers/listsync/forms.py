"""The normal form in which a value stands in a list; two spellings of one indicator become one entry."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

#: Turns a value into its normal form; None when it is not a value of its type.
Form = Callable[[str], str | None]

_HOST = re.compile(r"[^\s/@]{1,253}")
_MAIL = re.compile(r"[^\s@]+@[^\s@]+")


def ip(value: str) -> str | None:
    """Return an IPv4 or IPv6 address in its shortest spelling."""
    # inet_pton costs a tenth of `ipaddress`, and of IPv4 it takes one spelling only: it refuses 010.0.0.1 just as well.
    value = value.strip()
    try:
        if ":" in value:
            return inet_ntop(AF_INET6, inet_pton(AF_INET6, value))
        inet_pton(AF_INET, value)
    except (OSError, ValueError):
        return None
    return value


def fqdn(value: str) -> str | None:
    """Return a host name in lower case without the root's dot."""
    value = value.strip().rstrip(".").lower()
    return value if _HOST.fullmatch(value) and value.isprintable() else None


def _hash(length: int) -> Form:
    def form(value: str) -> str | None:
        if len(value) != length:
            value = value.strip()
        try:
            # A third of the time of a regular expression; blanks, wherever they are, leave too few bytes.
            is_hash = len(value) == length and len(bytes.fromhex(value)) * 2 == length
        except ValueError:
            return None
        return value.lower() if is_hash else None

    return form


def email(value: str) -> str | None:
    """Return an e-mail address in lower case."""
    value = value.strip().lower()
    return value if _MAIL.fullmatch(value) and value.isprintable() else None


def text(value: str) -> str | None:
    """Return text without blanks around it; control characters make it unusable."""
    value = value.strip()
    return value if value and value.isprintable() else None


def ip_range(value: str) -> str | None:
    """Return a CIDR block as LogRhythm's `begin,end`, without a blank."""
    try:
        network = ipaddress.ip_network(value.strip(), strict=False)
    except ValueError:
        return None
    return f"{network[0]},{network[-1]}"


#: By the name that the type table uses.
FORMS: dict[str, Form] = {
    "ip": ip,
    "fqdn": fqdn,
    "md5": _hash(32),
    "sha1": _hash(40),
    "sha256": _hash(64),
    "sha512": _hash(128),
    "email": email,
    "text": text,
    "ip_range": ip_range,
}

#: Forms whose values mean the same in capitals: a list's entry in capitals is the entry.
CASELESS = frozenset({"ip", "fqdn", "md5", "sha1", "sha256", "sha512", "email", "ip_range"})
