"""From text as it was written to an indicator: its type, its normal form, and whether the two fit."""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

from workers.indicators.addresses import IP, host_of, ip_of_host, read_endpoint, read_network, split_port
from workers.indicators.model import Attribute, Indicator
from workers.indicators.refang import refang, tidy
from workers.indicators.types import match_type


class Misfit(Struct, frozen=True):
    """Why a value is no indicator, in a sentence without its first words ("it is not …")."""

    why: str


_FQDN = re.compile(r"(?:(?!-)[\w-]{1,63}(?<!-)\.)+(?:[^\W\d_]{2,63}|xn--[a-z0-9-]{1,59})", re.I)
_EMAIL = re.compile(r"(?:mailto:)?([^\s@<>,;:\"()]{1,64})@([^\s@<>]{1,255})", re.I)
_NAMED_EMAIL = re.compile(r"[^<>]{0,200}<([^<>\s]{3,320})>")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30})://(.+)", re.DOTALL)
#: Numbers that an address may be written as: of a smaller one, and of octal digits, nothing tells that.
_NUMBER = re.compile(r"0x[0-9a-f]{8}|(?:0x[0-9a-f]{1,2}\.){3}0x[0-9a-f]{1,2}|[1-9]\d{8,9}", re.I)
_HOST = re.compile(r"[\w.-]{1,253}")
#: A hash as Sysmon writes it.
_LABELLED_HASH = re.compile(r"(MD5|SHA-?(?:1|256|384|512)) ?= ?([0-9a-f]{32,128})", re.I)
_HEX = re.compile(r"[0-9a-fA-F]+")
_CVE = re.compile(r"(?:CVE[-_ ]?)?([12]\d{3})[-_](\d{4,12})", re.I)
_ASN = re.compile(r"(?:ASN?)? ?(\d{1,10})", re.I)
_MAC = re.compile(
    r"(?:[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4})", re.I
)
_REGISTRY = re.compile(r"(?:HKEY_[A-Z_]+|HK(?:LM|CU|CR|U|CC))\\", re.I)
_WINDOWS_PATH = re.compile(r"(?:[A-Za-z]:\\|\\\\[^\\]+\\|%\w+%\\)")
_FILENAME = re.compile(
    r"[^\\/:*?\"<>|\r\n]{1,250}\.(?:exe|dll|sys|scr|msi|bat|cmd|ps1|vbs|vbe|jse?|hta|lnk|jar|apk|pdf|rtf|csv"
    r"|docx?|docm|xlsx?|xlsm|xlsb|pptx?|pptm|txt|log|tmp|dat|bin|iso|img|rar|7z|gz|tar|html?|php|aspx?|jsp|xml"
    r"|json|png|jpe?g|gif|bmp|eml|msg|elf|dmg|pkg)",
    re.I,
)

#: Hexadecimal digits of each hash.
_HASH_LENGTHS = {"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-384": 96, "SHA-512": 128, "GOST Hash": 64}
_HASH_BY_LENGTH = {length: name for name, length in _HASH_LENGTHS.items() if name != "GOST Hash"}

#: Types whose values hold no comma, semicolon or blank, so that several may stand in one text.
ONE_WORD_TYPES = frozenset(
    {"ASN", "CIDR Block", "CVE", "Email Address", "FQDN", "IP Address", "IPv6 Address", "MAC Address"}
    | set(_HASH_LENGTHS)
)


def read_indicator(type_name: str | None, value: str) -> Indicator | Misfit:
    """Return the indicator that `value` is, in its normal form; without a type, the type is inferred.

    The type may come back corrected where the value leaves no doubt: an IPv6 address sent as IP Address.
    """
    if type_name is None:
        if labelled := _LABELLED_HASH.fullmatch(tidy(value)):
            return read_indicator(*labelled.groups())
        inferred = infer_type(value)
        return _read(inferred, value) if inferred else Misfit(_why_not(refang(value)))
    if known := match_type(type_name):
        return _read(known, value)
    return Misfit(f'"{type_name[:80]}" is not an indicator type of ThreatQ')


def infer_type(value: str) -> str | None:
    """Return the type that a bare value shows by itself, or None where there is doubt."""
    text = _armed(value)
    if _NUMBER.fullmatch(text):
        return None
    for name, reader in _INFERRED:
        if reader(text):
            return name
    return _HASH_BY_LENGTH.get(len(text)) if _HEX.fullmatch(text) else None


def spellings(type_: str, value: str) -> tuple[str, ...]:
    """Return the values under which ThreatQ may hold an indicator, the likeliest first (XSOAR, stix-shifter).

    ThreatQ drops a URL's scheme when it normalises, and then a look-up by the full text finds nothing.
    """
    if type_.casefold() != "url":
        return (value,)
    match = _URL.fullmatch(value)
    return (value, match[2]) if match else (value, f"http://{value}", f"https://{value}")


def _read(name: str, value: str) -> Indicator | Misfit:
    reader = _READERS.get(name)
    if reader is None:
        text = tidy(value)
        return Indicator(name, text) if text else Misfit("it is empty")
    return reader(_armed(value)) or Misfit(f"it is not a valid {name}")


def _armed(value: str) -> str:
    """Return a value armed again, a URL that has the scheme of the page around it without its slashes."""
    text = refang(value)
    return text[2:] if text[:2] == "//" and not read_network(text[2:]) else text


def _why_not(text: str) -> str:
    """Say why a value without a type is no indicator."""
    if ip := _ip_of_number(text):
        return f'it may be a number or the address {ip}; if that is meant, write "IP Address:{ip}"'
    if "*" in text:
        return "a * is read before a domain alone, as in *.evil.example"
    return "its type cannot be told from the value"


def _address(text: str) -> Indicator | None:
    ip, port = read_endpoint(text) or (_ip_of_number(text), None)
    if not ip:
        return _network(text)
    return Indicator("IP Address" if ip.version == 4 else "IPv6 Address", str(ip), _port(port))


def _ip_of_number(text: str) -> IP | None:
    return ip_of_host(text) if _NUMBER.fullmatch(text) else None


def _network(text: str) -> Indicator | None:
    network = read_network(text)
    return Indicator("CIDR Block", str(network)) if network else None


def _fqdn(text: str) -> Indicator | None:
    """Read a domain; one with all below it is the domain, and an attribute that says so."""
    written, port = split_port(text)
    host = written.rstrip(".").removeprefix("*.")
    if len(host) <= 253 and _FQDN.fullmatch(host):
        below = (Attribute("Wildcard", written.lower()),) if written[0] == "*" else ()
        return Indicator("FQDN", host.lower(), _port(port) + below)
    return _address(text)


def _email(text: str) -> Indicator | None:
    named = _NAMED_EMAIL.fullmatch(text)
    match = _EMAIL.fullmatch(named[1] if named else text)
    if not match:
        return None
    local, domain = match.groups()
    if not (_FQDN.fullmatch(domain) or (domain[0] == "[" and read_endpoint(domain))):
        return None
    return Indicator("Email Address", f"{local}@{domain.lower()}")


def _url(text: str) -> Indicator | None:
    """Lower-case scheme and host, and leave the rest: paths and queries are case-sensitive."""
    host = host_of(text)
    if not (_HOST.fullmatch(host) or ip_of_host(host)) or (_all_digits(host) and not ip_of_host(host)):
        return None
    match = _URL.fullmatch(text)
    scheme, rest = (f"{match[1].lower()}://", match[2]) if match else ("", text)
    end = next((index for index, letter in enumerate(rest) if letter in "/\\?#"), len(rest))
    user, at_sign, authority = rest[:end].rpartition("@")
    return Indicator("URL", f"{scheme}{user}{at_sign}{authority.lower()}{rest[end:]}")


def _all_digits(host: str) -> bool:
    return host.rstrip(".").rpartition(".")[2].isdigit()


def _bare_url(text: str) -> Indicator | None:
    """Infer a URL: by its scheme, or by a path behind something that is surely a host."""
    if _URL.fullmatch(text):
        return _url(text)
    host, slash, _ = text.partition("/")
    return _url(text) if slash and (_fqdn(host) or read_endpoint(host)) and not read_network(text) else None


def _hash(name: str) -> Callable[[str], Indicator | None]:
    def read(text: str) -> Indicator | None:
        fits = len(text) == _HASH_LENGTHS[name] and _HEX.fullmatch(text)
        return Indicator(name, text.lower()) if fits else None

    return read


def _cve(text: str) -> Indicator | None:
    match = _CVE.fullmatch(text)
    return Indicator("CVE", f"CVE-{match[1]}-{match[2]}") if match else None


def _asn(text: str) -> Indicator | None:
    match = _ASN.fullmatch(text)
    return Indicator("ASN", f"AS{match[1]}") if match else None


def _mac(text: str) -> Indicator | None:
    if not _MAC.fullmatch(text):
        return None
    digits = re.sub(r"[:.-]", "", text).lower()
    return Indicator("MAC Address", ":".join(digits[start : start + 2] for start in range(0, 12, 2)))


def _port(port: int | None) -> tuple[Attribute, ...]:
    return () if port is None else (Attribute("Port", str(port)),)


_READERS: dict[str, Callable[[str], Indicator | None]] = {
    "ASN": _asn,
    "CIDR Block": _network,
    "CVE": _cve,
    "Email Address": _email,
    "FQDN": _fqdn,
    "IP Address": _address,
    "IPv6 Address": _address,
    "MAC Address": _mac,
    "URL": _url,
    **{name: _hash(name) for name in _HASH_LENGTHS},
}

#: How a bare value shows its type, the surest sign first.
_INFERRED: tuple[tuple[str, Callable[[str], object]], ...] = (
    ("IP Address", read_endpoint),
    ("CIDR Block", read_network),
    ("URL", _bare_url),
    ("Email Address", _email),
    ("CVE", lambda text: text[:3].upper() == "CVE" and _cve(text)),
    ("MAC Address", _mac),
    ("ASN", lambda text: text[:2].upper() == "AS" and _asn(text)),
    ("Registry Key", _REGISTRY.match),
    ("File Path", _WINDOWS_PATH.match),
    ("Filename", _FILENAME.fullmatch),
    ("FQDN", _fqdn),
)
