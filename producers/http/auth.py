"""How often a sender may try tokens (by its address) and send requests (by its token).

Both are token buckets, kept in memory by each process of the entry point.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

#: Wrong tokens that one address may try at once, and how many more a minute.
AT_ONCE, A_MINUTE = 10, 6

#: Names that are remembered; the one seen least recently is forgotten, which leaves it a full bucket.
MOST_NAMES = 10_000


class Attempts:
    """Counts wrong tokens by address. A right one costs nothing and is never refused, whatever else came from there."""

    def __init__(self) -> None:
        self._left = Buckets(per_s=A_MINUTE / 60, burst=AT_ONCE)

    def wrong(self, address: str) -> float:
        """Count a wrong token from `address`; return 0, or in how many seconds another one is answered with 401."""
        return self._left.take(network_of(address))


class Buckets:
    """A bucket for each name: `burst` at once, and `per_s` more each second."""

    def __init__(self, *, per_s: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_s = per_s
        self.burst = burst
        self.clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> float:
        """Take one from the bucket of `name`; return 0, or in how many seconds there is one again."""
        now = self.clock()
        level, since = self._levels.pop(name, (self.burst, now))
        level = min(self.burst, level + (now - since) * self.per_s)
        allowed = level >= 1
        self._levels[name] = (level - allowed, now)
        if len(self._levels) > MOST_NAMES:
            self._levels.popitem(last=False)
        return 0.0 if allowed else (1 - level) / self.per_s


def network_of(address: str) -> str:
    """Return what stands for the sender at `address`: one IPv4 address, or the /64 that an IPv6 host chooses from."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address):
        return address
    return str(known.ipv4_mapped or ipaddress.ip_network((known, 64), strict=False))
