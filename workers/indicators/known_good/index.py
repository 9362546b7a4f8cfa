"""All lists in one index: a value is looked up once, and each list is a bit of the answer."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_

from workers.indicators.addresses import carried
from workers.indicators.known_good.model import KnownList

#: Stretches of addresses that are looked at in one go where a range has all of them.
_BLOCK = 128


class Index:
    """Answers with a number whose bit n is set where a value is on list n."""

    def __init__(self, lists: Sequence[KnownList]) -> None:
        self._names: dict[str, int] = defaultdict(int)
        self._zones: dict[str, int] = defaultdict(int)
        self._children: dict[str, int] = defaultdict(int)
        self._exceptions: dict[str, int] = defaultdict(int)
        self._mail_zones: dict[str, int] = defaultdict(int)
        self._texts: dict[str, int] = defaultdict(int)
        self._mails = self._whole = 0
        for number, known in enumerate(lists):
            bit = 1 << number
            self._mails |= bit if known.about.mails == "yes" else 0
            self._whole |= bit if known.about.urls == "all" else 0
            for values, table in (
                (known.names, self._names),
                (known.zones, self._zones),
                (known.children, self._children),
                (known.exceptions, self._exceptions),
                (known.mail_zones, self._mail_zones),
                (known.texts, self._texts),
            ):
                for value in values:
                    table[value] |= bit
        self._starts, self._masks = _segments([known.ranges for known in lists])
        starts = range(0, len(self._masks), _BLOCK)
        self._blocks = [reduce(or_, self._masks[start : start + _BLOCK]) for start in starts]

    def host(self, name: str) -> int:
        """Look up a host name in lower case; that of its site (`www.`) counts as the name."""
        mask = self._names.get(name, 0) | self._zones.get(name, 0)
        if name.startswith("www."):
            mask |= self._names.get(name[4:], 0)
        _, dot, parent = name.partition(".")
        mask |= self._children.get(parent, 0) & ~self._exceptions.get(name, 0)
        while dot:
            mask |= self._zones.get(parent, 0)
            _, dot, parent = parent.partition(".")
        return mask

    def mail(self, address: str, domain: str) -> int:
        """Look up an e-mail address, folded, and its domain."""
        mask = self._texts.get(address, 0) | self.host(domain) & self._mails
        dot, parent = ".", domain
        while dot:
            mask |= self._mail_zones.get(parent, 0)
            _, dot, parent = parent.partition(".")
        return mask

    def text(self, text: str) -> int:
        """Look up a text, folded. It may look like a name ("setup.exe"), but on a list of sites it is none."""
        return self._texts.get(text, 0) | self._names.get(text, 0) & self._whole

    def number(self, number: int) -> int:
        """Look up an address, as `as_number` gives it, and the IPv4 address that it carries."""
        inner = carried(number)
        return self.reach(number) | (self.reach(inner) if inner else 0)

    def reach(self, first: int, last: int | None = None) -> int:
        """Look up a range, by default of one address: the lists that have any address of it."""
        index = bisect_right(self._starts, first) - 1
        if last is None:
            return self._masks[index]
        end, mask = bisect_right(self._starts, last), 0
        while index < end:
            if index % _BLOCK == 0 and index + _BLOCK <= end:
                mask |= self._blocks[index // _BLOCK]
                index += _BLOCK
            else:
                mask |= self._masks[index]
                index += 1
        return mask


def _segments(lists: Iterable[Iterable[tuple[int, int]]]) -> tuple[list[int], list[int]]:
    """Cut all addresses into stretches that are on the same lists: where each begins, and the bits of it."""
    turns: dict[int, int] = defaultdict(int)
    for number, ranges in enumerate(lists):
        for first, last in _merged(ranges):
            turns[first] ^= 1 << number
            turns[last + 1] ^= 1 << number
    starts, masks, mask = [-1], [0], 0
    for start in sorted(turns):
        mask ^= turns[start]
        starts.append(start)
        masks.append(mask)
    return starts, masks


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
