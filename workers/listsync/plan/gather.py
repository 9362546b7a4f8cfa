"""The rows of data collections become the wanted entries of their lists, spilled to disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from itertools import compress
from operator import add
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from workers.indicators.known_good.judge import KnownGood
from workers.listsync.plan.known_rows import NO_LIST, RowsWriter
from workers.listsync.plan.naming import ListKey, SplitBy, bucket, list_name
from workers.listsync.plan.spill import Spill
from workers.listsync.plan.types import TypeTable
from workers.threatq.rows import Row, whole_score
from workers.threatq.score_bands import ScoreBands

#: The file, in the folder of the lists, with what a delta run must know of the rows.
ROWS = "known-rows"

#: Unusable values that are remembered for people to look at.
SAMPLES = 5

#: A rank is a score (0-10) in front of a time of 14 digits, so that it is higher for a higher score, and among equal
#: scores for a newer indicator; both fit into 8 bytes.
_SCORE_STEP = 10**14


class _Page(NamedTuple):
    """The rows of one page that one list takes, and the part of their ranks that comes from the score."""

    rows: list[Row]
    ranks: list[int]


class _Sink(NamedTuple):
    """Where rows of one type, score and status go: a thousand such meet a million rows, and each is looked up once."""

    add_row: Callable[[Row], None]
    add_rank: Callable[[int], None]
    rank: int


class Gathered(Struct, frozen=True):
    """How far a gathering has come: with it another process goes on where this one stopped.

    `lists` holds for each spill its type, bucket, count and size; `rows_size` is that of what is known of the rows.
    """

    read: int = 0
    usable: int = 0
    unsupported: dict[str, int] = {}
    unusable: dict[str, int] = {}
    kept_out: dict[str, int] = {}
    known_good: dict[str, int] = {}
    known_good_samples: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    lists: tuple[tuple[str, str, int, int], ...] = ()
    rows_size: int = 0


class Gathering:
    """Sorts rows into lists, page by page; what fits none is counted by type, what has a status of `keeps_out` by that.

    `wanted` holds a closed `Spill` for each list that has an entry, by the list's name. `since` continues what
    another process left in the folder. Into the file `rows` goes what a delta run must know of each row; the numbers
    of the lists there are their places in `Gathered.lists`.
    """

    def __init__(
        self,
        base_name: str,
        types: TypeTable,
        bands: ScoreBands,
        folder: Path,
        *,
        keeps_out: Collection[str] = (),
        known_good: KnownGood | None = None,
        since: Gathered | None = None,
    ) -> None:
        self._base_name = base_name
        self._types = types
        self._bands = bands
        self._folder = folder
        self._known_good = known_good or KnownGood()
        self._keeps_out = {status.casefold() for status in keeps_out}
        self._spills: dict[ListKey, Spill] = {}
        self._numbers: dict[ListKey, int] = {}
        self._pages: dict[ListKey, _Page] = {}
        self._left_out: list[int] = []
        self._sinks: dict[tuple[SplitBy, object, object, object], _Sink | None] = {}
        self._lists: dict[tuple[SplitBy, object, object, object], ListKey | None] = {}
        since = since or Gathered()
        self._rows = RowsWriter(folder / ROWS, size=since.rows_size)
        #: Rows taken.
        self.read = since.read
        #: Rows that became an entry.
        self.usable = since.usable
        #: Rows of types that no list takes, by type.
        self.unsupported: Counter[str] = Counter(since.unsupported)
        #: Rows that their status keeps out of the lists, by that.
        self.kept_out: Counter[str] = Counter(since.kept_out)
        #: Rows that a known-good list keeps out, or their being ours, by the list, and the first of them.
        self.known_good: Counter[str] = Counter(since.known_good)
        self.known_good_samples: list[str] = list(since.known_good_samples)
        #: Rows whose value is not one of their type, by type, and the first of them.
        self.unusable: Counter[str] = Counter(since.unusable)
        self.samples: list[str] = list(since.samples)
        for type_name, bucket_name, count, size in since.lists:
            self._open(ListKey(type_name, bucket_name), count, size)

    @property
    def wanted(self) -> dict[str, Spill]:
        """The lists that have an entry."""
        return {list_name(self._base_name, key): spill for key, spill in self._spills.items()}

    def take(self, rows: Iterable[Row], split_by: SplitBy) -> None:
        """Sort one page of a data collection's rows into the lists that it is split into."""
        sinks = self._sinks
        for row in rows:
            try:
                sink = sinks[split_by, row.type, row.score, row.status]
            except (KeyError, TypeError):
                sink = self._sink(row, split_by)
            if sink is None:
                self._leave_out(row)
            else:
                add_row, add_rank, rank = sink
                add_row(row)
                add_rank(rank)
        for key, page in self._pages.items():
            if page.rows:
                self._bring_in(key, page)
        self._rows.add(NO_LIST, self._left_out, [""] * len(self._left_out))
        self._left_out.clear()

    def close(self) -> None:
        """Bring everything to disk; nothing can be taken afterwards."""
        for spill in self._spills.values():
            spill.close()
        self._rows.flush()

    def pause(self) -> Gathered:
        """Bring everything to disk and return how far it is; more can be taken afterwards."""
        self.close()
        return Gathered(
            read=self.read,
            usable=self.usable,
            unsupported=dict(self.unsupported),
            unusable=dict(self.unusable),
            kept_out=dict(self.kept_out),
            known_good=dict(self.known_good),
            known_good_samples=tuple(self.known_good_samples),
            samples=tuple(self.samples),
            lists=tuple(
                (key.type, key.bucket, spill.count, spill.size) for key, spill in self._spills.items()
            ),
            rows_size=self._rows.size,
        )

    def _open(self, key: ListKey, count: int = 0, size: int | None = None) -> None:
        folder = spill_folder(self._folder, len(self._spills))
        caseless = self._types[key.type].caseless
        self._numbers[key] = len(self._spills)
        self._spills[key] = Spill(folder, caseless=caseless, count=count, size=size)

    def _bring_in(self, key: ListKey, page: _Page) -> None:
        """Put what a page had for a list into its spill."""
        entries = self._entries(key.type, page.rows)
        usable = [entry for entry in entries if entry is not None]
        rows, ranks = page
        if len(usable) < len(entries):
            has_entry = [entry is not None for entry in entries]
            rows, ranks = list(compress(rows, has_entry)), list(compress(ranks, has_entry))
        if usable:
            if key not in self._spills:
                self._open(key)
            times = map(time_rank, [row.created_at or "" for row in rows])
            self._spills[key].extend(usable, map(add, ranks, times))
            self._rows.add(self._numbers[key], [row.id for row in rows], usable)
        self.usable += len(usable)
        self.read += len(usable)
        page.rows.clear()
        page.ranks.clear()

    def _entries(self, type_name: str, rows: Sequence[Row]) -> list[str | None]:
        """Return the entry of each row; None for what is no value of its type or kept out, which is counted."""
        values = [row.value for row in rows]
        entries = list(map(self._types[type_name].normal, values))
        blocked = self._known_good.blocked(type_name, values)
        if blocked or None in entries:
            for index, row in enumerate(rows):
                if entries[index] is None:
                    self._refuse(type_name, row)
                elif verdict := blocked.get(row.value):
                    entries[index] = None
                    self._keep_out(verdict.list, row)
        return entries

    def _leave_out(self, row: Row) -> None:
        self.read += 1
        self._left_out.append(row.id)
        if self._is_kept_out(row):
            self.kept_out[row.status_name] += 1
        else:
            self.unsupported[row.type_name or "(no type)"] += 1

    def _is_kept_out(self, row: Row) -> bool:
        return row.status_name.casefold() in self._keeps_out

    def list_of(self, row: Row, split_by: SplitBy) -> ListKey | None:
        """Return the list that takes a row; None where none does."""
        if isinstance(row.score, dict):
            return self._list_of(row, split_by)
        what = split_by, row.type, row.score, row.status
        if what not in self._lists:
            self._lists[what] = self._list_of(row, split_by)
        return self._lists[what]

    def _list_of(self, row: Row, split_by: SplitBy) -> ListKey | None:
        name = self._types.canonical(row.type_name)
        if name is None or self._is_kept_out(row):
            return None
        return ListKey(name, bucket(whole_score(row.score), split_by, self._bands))

    def _sink(self, row: Row, split_by: SplitBy) -> _Sink | None:
        """Return where rows of this type, score and status go; None where no list takes them."""
        key, sink = self.list_of(row, split_by), None
        if key:
            page = self._pages.setdefault(key, _Page([], []))
            sink = _Sink(page.rows.append, page.ranks.append, score_rank(whole_score(row.score)))
        if not isinstance(row.score, dict):
            self._sinks[split_by, row.type, row.score, row.status] = sink
        return sink

    def _keep_out(self, list_name: str, row: Row) -> None:
        self.read += 1
        self._left_out.append(row.id)
        self.known_good[list_name] += 1
        if len(self.known_good_samples) < SAMPLES:
            self.known_good_samples.append(f"{row.value[:200]} ({list_name})")

    def _refuse(self, type_name: str, row: Row) -> None:
        self.read += 1
        self._left_out.append(row.id)
        self.unusable[type_name] += 1
        if len(self.samples) < SAMPLES:
            self.samples.append(f"{type_name}: {row.value[:200]}")


def spill_folder(folder: Path, number: int) -> Path:
    """Return the folder of the spill with this number, from 0."""
    return folder / f"list-{number:03}"


def score_rank(score: int | None) -> int:
    """Return the part of a rank that comes from the score."""
    return (score or 0) * _SCORE_STEP


# A feed brings many indicators in one second, so that most times are known already.
@lru_cache(maxsize=4096)
def time_rank(text: str) -> int:
    """Return the part of a rank that comes from ThreatQ's UTC text, `YYYY-MM-DD HH:MM:SS` or ISO; unreadable is 0."""
    try:
        return (
            int(text[:4] + text[5:7] + text[8:10] + text[11:13] + text[14:16] + text[17:19])
            if len(text) >= 19
            else 0
        )
    except ValueError:
        return 0
