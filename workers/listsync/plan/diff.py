"""What has to change in a list: the wanted entries against those that it has, partition by partition.

Where a list is too small, the highest scores come first, then the newest indicators.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import compress
from pathlib import Path

from msgspec import Struct

from workers.listsync.plan.batches import Batches, BatchWriter
from workers.listsync.plan.manifest import Manifest, digest, unpack
from workers.listsync.plan.spill import PARTS, Spill

#: Shares of the list maximum, in percent, from which a warning is given.
WARN_AT = (95, 90, 80)


class Changes(Struct, frozen=True):
    """The difference between a collection and a list, with the entries in files.

    `gone` are entries that we put there and that left the collection, `foreign` those that another
    writer put there and that are not in it, `adopted` those that are ours from now on because a list
    without a manifest had them already. `left_out` counts wanted entries beyond the list maximum. Where
    entries of others are to be deleted too, they stand in `gone` as well.
    """

    wanted: int
    adds: Batches
    gone: Batches
    foreign: Batches
    adopted: Batches
    left_out: int


def diff(
    wanted: Spill,
    present: Spill,
    manifest: Manifest | None,
    folder: Path,
    *,
    capacity: int | None = None,
    delete_foreign: bool = False,
) -> Changes:
    """Compare both sides; `manifest` is None when nothing is remembered of the list yet.

    Holds one partition of each side in memory; the files go into `folder`, in an order that is the
    same for the same entries. With a `capacity` only that many entries are wanted, see `Cut`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cut = None if capacity is None else cut_wanted(wanted, capacity)
    work = _Diff(wanted, present, manifest, folder, cut=cut, delete_foreign=delete_foreign)
    for part in range(PARTS):
        work.compare(part)
    return work.close()


class _Diff:
    def __init__(
        self,
        wanted: Spill,
        present: Spill,
        manifest: Manifest | None,
        folder: Path,
        *,
        cut: Cut | None,
        delete_foreign: bool,
    ) -> None:
        self._wanted, self._present, self._manifest = wanted, present, manifest
        self._cut, self._delete_foreign = cut, delete_foreign
        self._adds = BatchWriter(folder / "adds")
        self._gone = BatchWriter(folder / "gone")
        self._foreign = BatchWriter(folder / "foreign")
        self._adopted = BatchWriter(folder / "adopted")
        self._kept = self._left_out = 0

    def compare(self, part: int) -> None:
        """Compare one partition of both sides."""
        want = self._within_capacity(self._wanted.ranked(part))
        have = self._present.values(part)
        keys = set(map(self._present.key, have))
        new = sorted(want.keys() - keys)
        self._adds.extend(new, [want[value] for value in new])
        if left := keys - want.keys():
            self._sort_out(part, sorted(self._spelled(have, keys, left)))
        if self._manifest is None:
            self._adopted.extend(sorted(have & want.keys()))
        self._kept += len(want)

    def _spelled(self, have: set[str], keys: set[str], left: set[str]) -> set[str]:
        """Return the entries that have one of the keys `left`; few are spelled otherwise than their key."""
        return (have & left) | {value for value in have - keys if self._present.key(value) in left}

    def close(self) -> Changes:
        """Finish the files and return the difference."""
        return Changes(
            wanted=self._kept,
            adds=self._adds.close(),
            gone=self._gone.close(),
            foreign=self._foreign.close(),
            adopted=self._adopted.close(),
            left_out=self._left_out,
        )

    def _within_capacity(self, want: dict[str, int]) -> dict[str, int]:
        if self._cut is None:
            return want
        kept = {value: want[value] for value in sorted(want) if self._cut.keeps(want[value])}
        self._left_out += len(want) - len(kept)
        return kept

    def _sort_out(self, part: int, extra: list[str]) -> None:
        """Tell entries of ours from those of others; without a manifest nothing is known to be ours."""
        ours = unpack(self._manifest.get(part, b"")) if self._manifest is not None else frozenset()
        is_ours = [digest(value) in ours for value in extra]
        self._foreign.extend([value for value, is_it in zip(extra, is_ours, strict=True) if not is_it])
        self._gone.extend(extra if self._delete_foreign else list(compress(extra, is_ours)))


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
