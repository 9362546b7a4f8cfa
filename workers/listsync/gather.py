"""From the rows of a data collection to the wanted entries of its lists, spilled to disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from workers.listsync.buckets import ScoreBands, bucket, whole_score
from workers.listsync.forms import Form
from workers.listsync.mapping import Collection
from workers.listsync.naming import ListKey, list_name
from workers.listsync.rows import Row, rank
from workers.listsync.spill import Spill
from workers.listsync.types import TypeTable

#: Unusable values that are remembered for people to look at.
SAMPLES = 5


class _Kind(NamedTuple):
    """What is done with the values of one type."""

    type: str
    normal: Form
    caseless: bool


class Gathered(Struct, frozen=True):
    """How far a gathering has come: with it another process goes on where this one stopped.

    `lists` holds for each spill its type, bucket, count and the bytes of its partitions.
    """

    read: int = 0
    usable: int = 0
    unsupported: dict[str, int] = {}
    unusable: dict[str, int] = {}
    samples: tuple[str, ...] = ()
    lists: tuple[tuple[str, str, int, list[int]], ...] = ()


class Gathering:
    """Sorts rows into lists, page by page; what fits none is counted by type.

    `wanted` holds a closed `Spill` for each list that has an entry, by the list's name. `since` continues what
    another process left in the folder.
    """

    def __init__(
        self,
        collection: Collection,
        types: TypeTable,
        bands: ScoreBands,
        folder: Path,
        *,
        since: Gathered | None = None,
    ) -> None:
        self._collection = collection
        self._types = types
        self._bands = bands
        self._folder = folder
        self._kinds: dict[str, _Kind | None] = {}
        self._spills: dict[ListKey, Spill] = {}
        self._by_score: dict[tuple[str, int | None], Spill] = {}
        since = since or Gathered()
        #: Rows taken.
        self.read = since.read
        #: Rows that became an entry.
        self.usable = since.usable
        #: Rows of types that no list takes, by type.
        self.unsupported: Counter[str] = Counter(since.unsupported)
        #: Rows whose value is not one of their type, by type, and the first of them.
        self.unusable: Counter[str] = Counter(since.unusable)
        self.samples: list[str] = list(since.samples)
        for type_name, bucket_name, count, sizes in since.lists:
            self._reopen(ListKey(type_name, bucket_name), count, sizes)

    @property
    def wanted(self) -> dict[str, Spill]:
        """The lists that have an entry."""
        base_name = self._collection.base_name
        return {list_name(base_name, key): spill for key, spill in self._spills.items()}

    def take(self, rows: Iterable[Row]) -> None:
        """Sort one page of rows into lists."""
        for row in rows:
            self._take(row)

    def close(self) -> None:
        """Bring everything to disk; nothing can be taken afterwards."""
        for spill in self._spills.values():
            spill.close()

    def pause(self) -> Gathered:
        """Bring everything to disk and return how far it is; more can be taken afterwards."""
        self.close()
        return Gathered(
            read=self.read,
            usable=self.usable,
            unsupported=dict(self.unsupported),
            unusable=dict(self.unusable),
            samples=tuple(self.samples),
            lists=tuple(
                (key.type, key.bucket, spill.count, spill.sizes()) for key, spill in self._spills.items()
            ),
        )

    def _reopen(self, key: ListKey, count: int, sizes: list[int]) -> None:
        spill = Spill(self._next_folder(), caseless=self._types[key.type].caseless, count=count)
        spill.cut_back(sizes)
        self._spills[key] = spill

    def _next_folder(self) -> Path:
        return self._folder / f"list-{len(self._spills):03}"

    def _take(self, row: Row) -> None:
        self.read += 1
        kind = self._kind(row.type_name)
        if kind is None:
            self.unsupported[row.type_name or "(no type)"] += 1
            return
        value = kind.normal(row.value)
        if value is None:
            self._refuse(kind.type, row.value)
            return
        score = whole_score(row.score)
        self._spill(kind, score).add(value, rank(score, row.created_at))
        self.usable += 1

    def _refuse(self, type_name: str, value: str) -> None:
        self.unusable[type_name] += 1
        if len(self.samples) < SAMPLES:
            self.samples.append(f"{type_name}: {value[:200]}")

    def _kind(self, given: str) -> _Kind | None:
        if given not in self._kinds:
            name = self._types.canonical(given)
            rule = self._types[name] if name else None
            self._kinds[given] = _Kind(name, rule.normal, rule.caseless) if name and rule else None
        return self._kinds[given]

    def _spill(self, kind: _Kind, score: int | None) -> Spill:
        # Eleven scores and a few types meet a million rows: the names are put together once each.
        spill = self._by_score.get((kind.type, score))
        if spill is None:
            key = ListKey(kind.type, bucket(score, self._collection.split_by, self._bands))
            if key not in self._spills:
                self._spills[key] = Spill(self._next_folder(), caseless=kind.caseless)
            spill = self._by_score[kind.type, score] = self._spills[key]
        return spill
