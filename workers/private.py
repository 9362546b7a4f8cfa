"""Private addresses: the setting, read into ranges, and whether an indicator gives one of them away."""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_right
from functools import lru_cache

from msgspec import Struct

from workers.addresses import (
    IP,
    Network,
    embedded,
    host_of,
    ip_of_host,
    read_endpoint,
    read_ip,
    read_network,
)
from workers.errors import ConfigError
from workers.plan import Indicator
from workers.refang import refang

#: Where IPv4 lies among IPv6 addresses (::ffff:0:0/96), so that one list of ranges holds both.
_MAPPED = 0xFFFF << 32

_SEPARATORS = re.compile(r"[,;\n]")
_DASHES = re.compile(r"\s*[-–—]\s*")

_REMEDY = (
    "Write addresses, ranges such as 10.0.0.1-10.0.0.50 or 10.0.0.1-50, and networks such as 10.0.0.0/8 or"
    " fd00::/8, separated by commas"
)


class PrivateRanges(Struct, frozen=True):
    """Addresses that must not become indicators, as merged ranges in rising order."""

    starts: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()

    def __contains__(self, ip: IP) -> bool:
        inner = embedded(ip)
        return self.touch(_number(ip), _number(ip)) or (inner is not None and inner in self)

    def overlaps(self, network: Network) -> bool:
        """Say whether any address of `network` is private."""
        first, last = network[0], network[-1]
        return self.touch(_number(first), _number(last)) or first in self

    def touch(self, first: int, last: int) -> bool:
        """Say whether a private range reaches into `first` to `last`."""
        at = bisect_right(self.starts, last) - 1
        return at >= 0 and self.ends[at] >= first


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
        return _number(network[0]), _number(network[-1])
    if ip := read_ip(part):
        return _number(ip), _number(ip)
    ends = _DASHES.split(part)
    if len(ends) != 2:
        raise _unreadable(part, "is neither an address nor a range nor a network")
    first, last = read_ip(ends[0]), read_ip(ends[1])
    if first is None:
        raise _unreadable(part, f'does not begin with an address ("{ends[0]}")')
    if last is None and first.version == 4 and ends[1].isascii() and ends[1].isdigit():
        last = read_ip(f"{str(first).rpartition('.')[0]}.{ends[1]}")
    if last is None or last.version != first.version:
        raise _unreadable(part, f'does not end with an address of the same kind ("{ends[1]}")')
    if _number(last) < _number(first):
        raise _unreadable(part, "ends before it begins")
    return _number(first), _number(last)


def _number(ip: IP) -> int:
    return _MAPPED + int(ip) if isinstance(ip, ipaddress.IPv4Address) else int(ip)


def _unreadable(part: str, why: str) -> ConfigError:
    return ConfigError(
        f'"{part}" {why}. {_REMEDY}; until then no event is created, so that no private address gets out.',
        field="Private IPs (TQ_PRIVATE_IPS)",
    )
