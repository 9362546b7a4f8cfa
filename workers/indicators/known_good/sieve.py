"""Of a thousand values, those that may be on a list: asking about each takes longer than reading it from ThreatQ."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import lru_cache
from socket import AF_INET, inet_pton

from workers.indicators.known_good.model import KnownList, fold_text

#: Types whose values are looked for as texts alone.
HASHES = frozenset({"MD5", "SHA-1", "SHA-256", "SHA-384", "SHA-512", "GOST Hash", "Fuzzy Hash"})

#: Where IPv4 lies among IPv6 addresses (::ffff:0:0/96).
_FIRST_V4, _LAST_V4 = 0xFFFF << 32, (0xFFFF << 32) + 0xFFFFFFFF

#: Parents of names (`com`, `example.com`) that are remembered.
_PARENTS = 16_384


class Sieve:
    """Keeps back the values that are on none of the lists for certain, by the types that most indicators have.

    IPv4 addresses go by their first two bytes, host names by themselves, their parents and their shape.
    """

    def __init__(self, lists: Collection[KnownList]) -> None:
        self._texts = _union(known.texts | known.names for known in lists)
        self._names = _union(known.names | known.zones for known in lists)
        self._zones = _union(known.zones for known in lists)
        self._children = _union(known.children for known in lists)
        self._networks = {
            number.to_bytes(2, "big")
            for known in lists
            for reach in known.ranges
            for number in _networks(*reach)
        }
        self._is_listed_below = lru_cache(_PARENTS)(self._below)
        self._may_be_on_a_list: dict[str, Callable[[str], bool]] = {
            "IP Address": self._address,
            "FQDN": self._host,
            **dict.fromkeys(HASHES, self._text),
        }

    def suspects(self, type_: str, values: Collection[str]) -> Iterable[str]:
        """Return those of the values that may be on a list."""
        may_be = self._may_be_on_a_list.get(type_)
        return filter(may_be, values) if may_be else values

    def _text(self, value: str) -> bool:
        return fold_text(value) in self._texts

    def _address(self, value: str) -> bool:
        try:
            return inet_pton(AF_INET, value)[:2] in self._networks
        except (OSError, ValueError):
            return True

    def _host(self, value: str) -> bool:
        name = value.strip().lower().rstrip(".").removeprefix("*.")
        return (
            name in self._names
            or name[:4] == "www."
            or ":" in name
            or not name.isascii()
            or self._is_listed_below(name.partition(".")[2])
        )

    def _below(self, parent: str) -> bool:
        """Tell whether all or some names directly below a name are on a list, or may be addresses."""
        last = parent.rpartition(".")[2]
        if not last or last.isdigit() or last[:2] == "0x" or parent in self._children:
            return True
        labels = parent.split(".")
        return any(".".join(labels[start:]) in self._zones for start in range(len(labels)))


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)


def _networks(first: int, last: int) -> range:
    """Return the first two bytes of the IPv4 addresses of a range."""
    first, last = max(first, _FIRST_V4), min(last, _LAST_V4)
    return range(first >> 16 & 0xFFFF, (last >> 16 & 0xFFFF) + 1) if first <= last else range(0)
