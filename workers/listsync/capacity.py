"""What goes first when a list is too small: the highest scores, then the newest indicators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from workers.listsync.batches import Batches, BatchWriter
from workers.listsync.spill import PARTS, Spill

#: Shares of the list maximum, in percent, from which a warning is given.
WARN_AT = (95, 90, 80)


class Cut:
    """The line between what goes into a list and what is left out.

    Among entries on the line itself the first ones asked about stay, so ask in a stable order.
    """

    def __init__(self, ranks: Callable[[], Iterable[int]], room: int) -> None:
        self._line, self._on_line = _nth_highest(ranks, room) if room > 0 else (1 << 64, 0)

    def keeps(self, rank: int) -> bool:
        """Return whether the next entry stays."""
        if rank == self._line and self._on_line:
            self._on_line -= 1
            return True
        return rank > self._line


def _nth_highest(ranks: Callable[[], Iterable[int]], n: int) -> tuple[int, int]:
    """Return the n-th highest rank, and how many entries of just that rank are among the first n.

    Counts 16 bits at a time, in four passes: memory stays small however many ranks there are.
    """
    prefix = 0
    for shift in (48, 32, 16, 0):
        counts = Counter((rank >> shift) & 0xFFFF for rank in ranks() if rank >> (shift + 16) == prefix)
        for digit in sorted(counts, reverse=True):
            if n <= counts[digit]:
                prefix = prefix << 16 | digit
                break
            n -= counts[digit]
    return prefix, n


def cut_wanted(wanted: Spill, capacity: int) -> Cut | None:
    """Return the line for a collection that has more distinct entries than a list takes, else None."""
    if wanted.count <= capacity:
        return None
    distinct = sum(len(wanted.ranked(part)) for part in range(PARTS))
    if distinct <= capacity:
        return None
    return Cut(lambda: (rank for part in range(PARTS) for rank in wanted.ranked(part).values()), capacity)


def trim(adds: Batches, room: int, path: Path) -> Batches:
    """Return the additions that still fit into a list, the most important ones, in the same order."""
    if adds.count <= room:
        return adds
    cut = Cut(lambda: (rank for _, ranks in adds.ranked() for rank in ranks), room)
    kept = BatchWriter(path)
    for values, ranks in adds.ranked():
        for value, rank in zip(values, ranks, strict=True):
            if cut.keeps(rank):
                kept.add(value, rank)
    return kept.close()


def fullness(after: int, capacity: int) -> str:
    """Return a warning for a list that is nearly full, or empty text."""
    share = after * 100 / capacity
    reached = next((level for level in WARN_AT if share >= level), None)
    if reached is None:
        return ""
    return f"{after:,} of at most {capacity:,} entries: above {reached} % of the list maximum"
