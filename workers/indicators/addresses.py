"""IP addresses, ranges and hosts in every spelling in which detections and settings write them."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_pton
from urllib.parse import unquote

from workers.core.errors import ConfigError

IP = ipaddress.IPv4Address | ipaddress.IPv6Address

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}:(?=[/\\])")

_AUTHORITY_ENDS = re.compile(r"[/\\?#]")

_PORT = re.compile(r"(.+):(\d{1,5})\Z", re.DOTALL)

_BRACKETED = re.compile(r"\[([^\[\]]*)\](?::(\d{1,5}))?\Z")

_ZONE = re.compile(r"%[\w.-]{1,32}\Z")

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")

#: The first bits of NAT64's well-known prefix (64:ff9b::/96) and of 6to4 (2002::/16), in which an IPv4 address is.
_NAT64, _SIX_TO_FOUR = 0x64FF9B << 64, 0x2002

#: No spelling of an address, its brackets, zone and port is longer; longer text is not even looked at.
_LONGEST = 300

#: Where IPv4 lies among IPv6 addresses (::ffff:0:0/96), so that one list of ranges holds both.
_MAPPED = 0xFFFF << 32

_SEPARATORS = re.compile(r"[,;\n]")

#: How a network ends, and an address without a colon; most of what is asked about is a name, and an exception is dear.
_DIGITS = frozenset("0123456789")
_ENDS = _DIGITS | {"."}

_DASHES = re.compile(r"[-–—]")

#: A network with a star for each part of an address that may be anything.
_STARS = re.compile(r"((?:\d{1,3}\.){1,3})\*(?:\.\*){0,2}")

_REMEDY = (
    "Write addresses, ranges such as 10.0.0.1-10.0.0.50 or 10.0.0.1-50, and networks such as 10.0.0.0/8 or"
    " fd00::/8, separated by commas"
)


def read_ip(text: str) -> IP | None:
    """Return the address that `text` is, without its zone, or None; IPv4 inside IPv6 becomes IPv4."""
    if not text or len(text) > _LONGEST:
        return None
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if ":" not in text and text[-1:] not in _ENDS:
        return None
    try:
        ip = ipaddress.ip_address(_ZONE.sub("", text) if ":" in text else text.rstrip("."))
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address) and ip.scope_id is not None:
        return None
    return (isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped) or ip


def read_endpoint(text: str) -> tuple[IP, int | None] | None:
    """Read `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]` or `[::1]:443` into address and port."""
    if len(text) > _LONGEST:
        return None
    if ip := read_ip(text):
        return ip, None
    host, port = split_port(text)
    ip = read_ip(host)
    return (ip, port) if ip else None


def split_port(text: str) -> tuple[str, int | None]:
    """Split `host:port` or `[host]:port`; text without a valid port comes back whole."""
    match = _BRACKETED.match(text) or _PORT.match(text)
    if not match:
        return text, None
    host, digits = match.groups()
    port = int(digits) if digits else None
    return (host, port) if port is None or port <= 65_535 else (text, None)


def read_network(text: str) -> Network | None:
    """Return the network that `text` writes as CIDR (host bits are dropped), or None."""
    if "/" not in text or len(text) > _LONGEST or text[-1] not in _DIGITS:
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def host_of(url: str) -> str:
    """Return the host of a URL, with or without its scheme, as a browser would find it; "" if none."""
    rest = _SCHEME.sub("", url, count=1) if _SCHEME.match(url) else url
    authority = _AUTHORITY_ENDS.split(rest.lstrip("/\\"), maxsplit=1)[0]
    authority = unquote(authority.rpartition("@")[2]).strip()
    if ":" not in authority:
        return authority
    # IPv6 without brackets is wrong in a URL, but people write it.
    is_ipv6 = authority.count(":") > 1 and read_ip(authority)
    return authority if is_ipv6 else split_port(authority.rstrip(":"))[0].strip()


def ip_of_host(host: str) -> IP | None:
    """Return the address that a host is to a browser: also decimal, octal, hexadecimal and short forms."""
    if ip := read_ip(host.strip("[]")):
        return ip
    if len(host) > _LONGEST:
        return None
    parts = unicodedata.normalize("NFKC", host).rstrip(".").split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    *head, last = (_number(part) for part in parts)
    if any(byte > 255 for byte in head) or last >= 256 ** (4 - len(head)):
        return None
    return ipaddress.IPv4Address(sum(byte << (24 - 8 * index) for index, byte in enumerate(head)) + last)


def _number(part: str) -> int:
    """Read a part of a host as the C library does; what it would refuse is too large to be one."""
    if part[:2] in ("0x", "0X"):
        return int(part[2:] or "0", 16)
    if part[0] == "0" and len(part) > 1:
        return int(part, 8) if part.strip("01234567") == "" else 1 << 32
    return int(part)


def carried(number: int) -> int:
    """Return the IPv4 address that an IPv6 address carries (6to4, NAT64, compatible), both as numbers; 0 for none."""
    if number >> 112 == _SIX_TO_FOUR:
        return _MAPPED + (number >> 80 & 0xFFFFFFFF)
    if number >> 32 == _NAT64 or 0xFFFF < number < 1 << 32:
        return _MAPPED + (number & 0xFFFFFFFF)
    return 0


def read_number(text: str) -> int | None:
    """Return the address that a plain spelling is, as `as_number` gives it, or None: `read_ip` reads all spellings."""
    try:
        if ":" in text:
            return int.from_bytes(inet_pton(AF_INET6, text), "big")
        return _MAPPED + int.from_bytes(inet_pton(AF_INET, text), "big")
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=16)
def parse_private_ips(setting: str) -> tuple[tuple[int, int], ...]:
    """Read the Private IPs setting: the first and the last number of each range, as `as_number` gives them.

    Raises ConfigError that names the part that cannot be read.
    """
    return tuple(_read_part(part.strip()) for part in _SEPARATORS.split(setting) if part.strip())


def read_range(text: str) -> tuple[int, int] | None:
    """Return the first and the last address of an address, a network or a range with a dash, or None."""
    host, slash, length = text.partition("/")
    family, width = (AF_INET6, 128) if ":" in host else (AF_INET, 32)
    try:
        number = int.from_bytes(inet_pton(family, host), "big")
        bits = width - (int(length) if slash else width)
        if not 0 <= bits <= width:
            return None
    except (OSError, ValueError):
        return _other_range(text)
    first = (number >> bits << bits) + (0 if family == AF_INET6 else _MAPPED)
    return first, first + (1 << bits) - 1


def _other_range(text: str) -> tuple[int, int] | None:
    try:
        return _read_part(text) if "/" in text or "*" in text or _DASHES.search(text) else None
    except ConfigError:
        return None


def as_number(ip: IP) -> int:
    """Return where an address lies among those of IPv6, in which the IPv4 ones have a place."""
    return _MAPPED + int(ip) if isinstance(ip, ipaddress.IPv4Address) else int(ip)


def _read_part(part: str) -> tuple[int, int]:
    if network := read_network(part) or _starred(part):
        return as_number(network[0]), as_number(network[-1])
    if ip := read_ip(part):
        return as_number(ip), as_number(ip)
    ends = [end.strip() for end in _DASHES.split(part)]
    if len(ends) != 2:
        raise _unreadable(part, "is neither an address nor a range nor a network")
    first, last = read_ip(ends[0]), read_ip(ends[1])
    if first is None:
        raise _unreadable(part, f'does not begin with an address ("{ends[0]}")')
    if last is None and first.version == 4 and ends[1].isascii() and ends[1].isdigit():
        last = read_ip(f"{str(first).rpartition('.')[0]}.{ends[1]}")
    if last is None or last.version != first.version:
        raise _unreadable(part, f'does not end with an address of the same kind ("{ends[1]}")')
    if as_number(last) < as_number(first):
        raise _unreadable(part, "ends before it begins")
    return as_number(first), as_number(last)


def _starred(part: str) -> Network | None:
    """Return the network that `185.10.20.*` is, None where a text is no such one."""
    match = _STARS.fullmatch(part)
    if not match:
        return None
    count = match[1].count(".")
    return read_network(f"{match[1]}{'.'.join('0' * (4 - count))}/{8 * count}")


def _unreadable(part: str, why: str) -> ConfigError:
    return ConfigError(
        f'"{part}" {why}. {_REMEDY}; until then no event is created, so that no private address gets out.',
        field="Private IPs (TQ_PRIVATE_IPS)",
    )
