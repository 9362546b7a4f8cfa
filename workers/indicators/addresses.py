"""IP addresses and hosts in every spelling in which detections write them, and the private ones among them."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from bisect import bisect_right
from functools import lru_cache
from urllib.parse import unquote

from msgspec import Struct

from workers.core.errors import ConfigError
from workers.indicators.model import Indicator
from workers.indicators.refang import refang

IP = ipaddress.IPv4Address | ipaddress.IPv6Address

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}:(?=[/\\])")

_PORT = re.compile(r"(.+):(\d{1,5})\Z", re.DOTALL)

_BRACKETED = re.compile(r"\[([^\[\]]*)\](?::(\d{1,5}))?\Z")

_ZONE = re.compile(r"%[\w.-]{1,32}\Z")

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")

#: NAT64's well-known prefix: the last 32 bits are an IPv4 address.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

#: No spelling of an address, its brackets, zone and port is longer; longer text is not even looked at.
_LONGEST = 300

#: Where IPv4 lies among IPv6 addresses (::ffff:0:0/96), so that one list of ranges holds both.
_MAPPED = 0xFFFF << 32

_SEPARATORS = re.compile(r"[,;\n]")

_DASHES = re.compile(r"[-–—]")

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
    if "/" not in text or len(text) > _LONGEST:
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def host_of(url: str) -> str:
    """Return the host of a URL, with or without its scheme, as a browser would find it; "" if none."""
    rest = _SCHEME.sub("", url, count=1) if _SCHEME.match(url) else url
    authority = re.split(r"[/\\?#]", rest.lstrip("/\\"), maxsplit=1)[0]
    authority = unquote(authority.rpartition("@")[2]).strip()
    # IPv6 without brackets is wrong in a URL, but people write it.
    return authority if read_ip(authority) else split_port(authority.rstrip(":"))[0].strip()


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


def embedded(ip: IP) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address carries (mapped, 6to4, NAT64, compatible), or None."""
    if ip.version == 4:
        return None
    six = ipaddress.IPv6Address(ip)
    if inner := six.ipv4_mapped or six.sixtofour:
        return inner
    number = int(six)
    if six in _NAT64 or 0xFFFF < number < 1 << 32:
        return ipaddress.IPv4Address(number & 0xFFFFFFFF)
    return None


class PrivateRanges(Struct, frozen=True):
    """Addresses that must not become indicators, as merged ranges in rising order."""

    starts: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()

    def __contains__(self, ip: IP) -> bool:
        inner = embedded(ip)
        return self.touch(_as_number(ip), _as_number(ip)) or (inner is not None and inner in self)

    def overlaps(self, network: Network) -> bool:
        """Say whether any address of `network` is private."""
        first, last = network[0], network[-1]
        return self.touch(_as_number(first), _as_number(last)) or first in self

    def touch(self, first: int, last: int) -> bool:
        """Say whether a private range reaches into `first` to `last`."""
        index = bisect_right(self.starts, last) - 1
        return index >= 0 and self.ends[index] >= first


@lru_cache(maxsize=16)
def parse_private_ips(setting: str) -> PrivateRanges:
    """Read the Private IPs setting.

    Raises ConfigError that names the part that cannot be read.
    """
    parts = (part.strip() for part in _SEPARATORS.split(setting))
    starts: list[int] = []
    ends: list[int] = []
    for first, last in sorted(_read_part(part) for part in parts if part):
        if ends and first <= ends[-1] + 1:
            ends[-1] = max(ends[-1], last)
        else:
            starts.append(first)
            ends.append(last)
    return PrivateRanges(tuple(starts), tuple(ends))


def private_part(indicator: Indicator, ranges: PrivateRanges) -> str | None:
    """Return the private address or network that an indicator is, or whose host it names, else None.

    Looks at the value whatever its type: a private address must not slip through as a String either.
    """
    if not ranges.starts:
        return None
    text = refang(indicator.value)
    network = None if indicator.type == "URL" else read_network(text)
    if network:
        return str(network) if ranges.overlaps(network) else None
    endpoint = read_endpoint(text)
    ip = endpoint[0] if endpoint else ip_of_host(host_of(text))
    return str(ip) if ip is not None and ip in ranges else None


def _read_part(part: str) -> tuple[int, int]:
    if network := read_network(part):
        return _as_number(network[0]), _as_number(network[-1])
    if ip := read_ip(part):
        return _as_number(ip), _as_number(ip)
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
    if _as_number(last) < _as_number(first):
        raise _unreadable(part, "ends before it begins")
    return _as_number(first), _as_number(last)


def _as_number(ip: IP) -> int:
    return _MAPPED + int(ip) if isinstance(ip, ipaddress.IPv4Address) else int(ip)


def _unreadable(part: str, why: str) -> ConfigError:
    return ConfigError(
        f'"{part}" {why}. {_REMEDY}; until then no event is created, so that no private address gets out.',
        field="Private IPs (TQ_PRIVATE_IPS)",
    )
