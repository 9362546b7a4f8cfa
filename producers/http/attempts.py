"""How often somebody may try tokens: by the sender's address, held in memory by each process of the door."""

from __future__ import annotations

from collections import OrderedDict

from producers.http.limits import MOST_NAMES, Buckets, network_of
from producers.http.tokens import Caller

#: Wrong tokens that one address may try at once, and how many more a minute.
AT_ONCE, A_MINUTE = 10, 6


class Attempts:
    """Counts wrong tokens; from an address with too many, even a right one is not taken for a while."""

    def __init__(self) -> None:
        self._left = Buckets(per_s=A_MINUTE / 60, burst=AT_ONCE)
        self._proven: OrderedDict[tuple[str, str], None] = OrderedDict()

    def take(self, address: str, caller: Caller | None) -> float:
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

    def is_proven(self, address: str, caller: Caller | None) -> bool:
        """Say whether `caller` was let in from `address` before: a sender does not pay for what his neighbours try."""
        return caller is not None and (address, caller.name) in self._proven
