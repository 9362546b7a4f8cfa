"""What has to change in a list: the wanted entries against the entries it has, partition by partition."""

from __future__ import annotations

from itertools import compress
from pathlib import Path

from msgspec import Struct

from workers.listsync.batches import Batches, BatchWriter
from workers.listsync.capacity import Cut, cut_wanted
from workers.listsync.manifest import Manifest, digest, unpack
from workers.listsync.spill import PARTS, Spill


class Changes(Struct, frozen=True):
    """The difference between a collection and a list, with the entries in files.

    `gone` are entries that we put there and that left the collection, `foreign` those that somebody
    else put there and that are not in it, `adopted` those that are ours from now on because a list
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
    same for the same entries. With a `capacity` only that many entries are wanted, see `capacity.Cut`.
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
        """Finish the files and return what was found."""
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
        ours = unpack(self._manifest.get(part, b"")) if self._manifest else frozenset()
        is_ours = [digest(value) in ours for value in extra]
        self._foreign.extend([value for value, is_it in zip(extra, is_ours, strict=True) if not is_it])
        self._gone.extend(extra if self._delete_foreign else list(compress(extra, is_ours)))
