"""How often a sender may try tokens (by its address) and send requests (by its token).

Both are token buckets, held in memory by each process of the entry point.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from producers.http.tokens import TokenHolder

#: Wrong tokens that one address may try at once, and how many more a minute.
AT_ONCE, A_MINUTE = 10, 6


class Attempts:
    """Counts wrong tokens; from an address with too many, even a right one is not taken for a while."""

    def __init__(self) -> None:
        self._left = Buckets(per_s=A_MINUTE / 60, burst=AT_ONCE)
        self._proven: OrderedDict[tuple[str, str], None] = OrderedDict()

    def take(self, address: str, caller: TokenHolder | None) -> float:
        """Count that `caller`, or None for a wrong token, came from `address`.

        Returns 0, or in how many seconds another attempt is looked at.
        """
        network = network_of(address)
        if wait_s := self._left.take(network):
            return wait_s
        if caller:
            self._left.give_back(network)
            self._proven[address, caller.name] = None
            if len(self._proven) > MOST_NAMES:
                self._proven.popitem(last=False)
        return 0.0

    def is_proven(self, address: str, caller: TokenHolder | None) -> bool:
        """Say whether `caller` was let in from `address` before: a sender does not pay for what its neighbours try."""
        return caller is not None and (address, caller.name) in self._proven


#: Names that are remembered; the one seen least recently is forgotten, which leaves it a full bucket.
MOST_NAMES = 10_000


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
        level, at = self._levels.pop(name, (self.burst, now))
        level = min(self.burst, level + (now - at) * self.per_s)
        allowed = level >= 1
        self._levels[name] = (level - allowed, now)
        if len(self._levels) > MOST_NAMES:
            self._levels.popitem(last=False)
        return 0.0 if allowed else (1 - level) / self.per_s

    def give_back(self, name: str) -> None:
        """Put one back into the bucket of `name`."""
        if name in self._levels:
            level, at = self._levels[name]
            self._levels[name] = (min(self.burst, level + 1), at)


def network_of(address: str) -> str:
    """Return what stands for the sender at `address`: one IPv4 address, or the /64 that an IPv6 host chooses from."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if known.version == 4 else str(ipaddress.ip_network((known, 64), strict=False))
