"""The indicator types of ThreatQ by name, and how people write those names.

The Smart Response stubs load this file: it needs nothing but the standard library.
"""

from __future__ import annotations

from functools import lru_cache

from workers.core.errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

#: ThreatQ's own types; their ids differ from instance to instance, their names do not.
INDICATOR_TYPES = (
    "ASN", "Binary String", "CIDR Block", "CVE", "Email Address", "Email Attachment", "Email Subject",
    "File Mapping", "File Path", "Filename", "FQDN", "Fuzzy Hash", "GOST Hash", "Hash ION", "IP Address",
    "IPv6 Address", "MAC Address", "MD5", "Mutex", "Password", "Registry Key", "Service Name", "SHA-1",
    "SHA-256", "SHA-384", "SHA-512", "String", "URL", "URL Path", "User-agent", "Username", "X-Mailer",
    "x509 Serial", "x509 Subject",
)  # fmt: skip

#: Other names of a type, folded.
_OTHER_NAMES = {
    "ASN": "as asnumber autonomoussystem autonomoussystemnumber",
    "CIDR Block": "cidr subnet netblock network ipv4cidr ipv6cidr",
    "CVE": "cveid vulnerability",
    "Email Address": "email emailaddr mail mailaddress sender recipient",
    "Email Attachment": "attachment",
    "Email Subject": "subject",
    "File Path": "path",
    "Filename": "file",
    "FQDN": "domain domainname host hostname dns dnsname",
    "Fuzzy Hash": "ssdeep",
    "GOST Hash": "gost",
    "IP Address": "ip ips ip4 ipv4 ipaddr ipaddresses ipv4addr ipv4address",
    "IPv6 Address": "ip6 ipv6 ipv6addr ip6address",
    "MAC Address": "mac macaddr",
    "MD5": "md5hash md5sum",
    "Mutex": "mutant",
    "Registry Key": "registry regkey",
    "SHA-1": "sha sha1hash sha1sum",
    "SHA-256": "sha256hash sha256sum",
    "SHA-384": "sha384hash",
    "SHA-512": "sha512hash sha512sum",
    "Service Name": "service",
    "String": "text",
    "URL": "uri link",
    "URL Path": "uripath",
    "User-agent": "ua useragentstring",
    "Username": "user account accountname login",
    "x509 Serial": "x509serialnumber certificateserial",
    "x509 Subject": "certificatesubject",
}

_DROPPED = str.maketrans("", "", "_-.")

#: Longer text is no type's name.
_LONGEST_NAME = 40


def fold(name: str) -> str:
    """Return `name` without case, blanks, `_`, `-` and dots: equal for all spellings of one name."""
    return "".join(name.split()).translate(_DROPPED).casefold()


_BY_FOLDED = {fold(name): name for name in INDICATOR_TYPES} | {
    other: name for name, others in _OTHER_NAMES.items() for other in others.split()
}


def match_type(name: str) -> str | None:
    """Return ThreatQ's name of the indicator type that `name` means, or None."""
    return _match(name) if len(name) <= _LONGEST_NAME else None


@lru_cache(maxsize=1024)
def _match(name: str) -> str | None:
    return _BY_FOLDED.get(fold(name))


def require_type(name: str, *, field: str = "type") -> str:
    """Return ThreatQ's name of the type that `name` means; raises InputError that lists the known types."""
    if canonical := match_type(name):
        return canonical
    raise unknown_type(name, INDICATOR_TYPES, field=field)


def unknown_type(name: str, known: Iterable[str], *, field: str = "type") -> InputError:
    """Return the refusal of a type that is none of those `known` to ThreatQ, with the nearest one first."""
    # Costs more than all else here, and is needed for a typo alone.
    from difflib import get_close_matches

    names = {fold(own): own for own in known}
    spellings = {other: names[fold(own)] for other, own in _BY_FOLDED.items() if fold(own) in names} | names
    near = get_close_matches(fold(name[:_LONGEST_NAME]), spellings, n=1)
    hint = f' Did you mean "{spellings[near[0]]}"?' if near else ""
    return InputError(
        f'"{name[:80]}" is not an indicator type of ThreatQ.{hint} Known types: {", ".join(names.values())}.',
        field=field,
    )
