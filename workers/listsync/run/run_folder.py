"""How far a run is, kept beside its entries: with the folder another process goes on where one was killed."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct, field

from workers.core.errors import ConfigError
from workers.core.files import write_whole
from workers.core.sync_report import AbandonedList, CollectionPart
from workers.core.text import short
from workers.listsync.plan.decisions import Decisions
from workers.listsync.plan.gather import Gathered
from workers.listsync.plan.guard import Listing
from workers.listsync.plan.mapping import ListFamily, MappedCollection
from workers.listsync.plan.naming import ListKey, list_name
from workers.listsync.plan.plan import CollectionSource, ListPlan
from workers.listsync.run.list_folder import ListFolder
from workers.logrhythm.model import ListSummary
from workers.settings.model import Settings
from workers.threatq.collections import START, CollectionPage, Position

#: Seconds after which what was read and planned is too old to go on with.
STALE_S = 3_600

#: Seconds after which the folder of a run that no worker went on with is removed.
ABANDONED_S = 86_400

STATE = "state.json"

#: The folder, in that of the run, with the entries that the lists shall have.
WANTED = "wanted"

#: Whether a run reads everything, or what has changed.
Kind = Literal["", "full", "delta"]


class ListState(Struct, kw_only=True):
    """One list in a run; `found` is how LogRhythm described it, None where it has to be made.

    `times_planned` counts the plans that came to nothing, because the list or the worker that planned it went away;
    `faults` the times that LogRhythm failed on this list while it answered for others. `is_abandoned`: no data
    collection feeds it any more, and it is to be emptied and retired. `written`: how many entries were added and
    deleted when the run was cancelled, where the list was not done. `keeps_pending`: the deletes that wait are not
    this run's.
    """

    name: str
    type: str
    bucket: str
    found: ListSummary | None = None
    plan: ListPlan | None = None
    is_written: bool = False
    entry_count: int | None = None
    error: str = ""
    times_planned: int = 0
    faults: int = 0
    is_abandoned: bool = False
    caseless: bool = False
    written: tuple[int, int] | None = None
    keeps_pending: bool = False

    def plan_anew(self) -> None:
        """Forget the plan; the next one gets another folder."""
        self.plan = None
        self.times_planned += 1


class RangeState(Struct, kw_only=True):
    """How far a range of a data collection is read: `position` is where its next page begins, None at its end.

    `since_s` and `until_s` say which indicators are in it, by their `created_at`; both None is the whole collection.
    `read` counts its rows, and `declared` and `declared_last` are how many ThreatQ declared at first and at last.
    """

    since_s: int | None = None
    until_s: int | None = None
    position: Position | None = START
    declared: int | None = None
    declared_last: int | None = None
    last_id: int = 0
    read: int = 0

    def take(self, page: CollectionPage) -> bool:
        """Note that a page was read; return whether its indicators came in order, none of them twice."""
        self.declared = page.total if self.read == 0 else self.declared
        self.declared_last, self.position = page.total, page.following
        ids = [self.last_id, *(row.id for row in page.rows)]
        self.last_id, self.read = ids[-1], self.read + len(page.rows)
        return ids == sorted(set(ids))

    @property
    def settled(self) -> int | None:
        """How many indicators it had: while it is read some may leave it, so that the count of either end will do."""
        return self.declared if self.read == self.declared else self.declared_last


class RunState(Struct, kw_only=True):
    """A run: the lists are looked up, everything is gathered, then each list is planned and written.

    One data collection is read after the other: `parts` are those that were read whole, and `ranges` belong to the one
    that is read now.
    `lists` are those that exist, and those to be made as soon as everything is gathered; `deviations` say which workers
    had other settings than the run's `decisions`; `abandoned` are lists that no collection feeds any more; `asked_by`
    is who started the run, "" for the schedule, and `via` the producer that it came through; `replicated` counts the
    bytes of each gathered file that are kept in Redis too, where they take `replica_bytes`, None where they do not fit.
    `kind` is "" until it is decided, and `why` says why it is that; `mode` is what was asked for. `asked_s` is when the
    run began to read, by ThreatQ's clock, `skew_s` how far that is ahead of Redis', and `query` the digest of the saved
    search. `changed` counts the rows of a delta, and `full_ms` is when the full run ended that it goes on from.
    """

    collection: ListFamily
    rules: str
    decisions: Decisions
    began_ms: int
    dry_run: bool = False
    asked_by: str = ""
    via: str = ""
    mode: str = ""
    kind: Kind = ""
    why: str = ""
    asked_s: float | None = None
    skew_s: float = 0.0
    query: str = ""
    changed: int = 0
    full_ms: int = 0
    ranges: list[RangeState] = field(default_factory=lambda: [RangeState()])
    taken: Gathered = Gathered()
    doubts: list[str] = []
    parts: list[CollectionPart] = []
    deviations: list[str] = []
    lists: list[ListState] | None = None
    abandoned: list[AbandonedList] = []
    cancelled_by: str = ""
    replicated: dict[int, int] | None = {}
    replica_bytes: int = 0

    @property
    def is_gathered(self) -> bool:
        """Whether every data collection was read whole."""
        return len(self.parts) == len(self.collection.collections)

    @property
    def reading(self) -> MappedCollection:
        """The data collection that is read now."""
        return self.collection.collections[len(self.parts)]

    @property
    def declared_so_far(self) -> int | None:
        """How many indicators ThreatQ declares of what was read and is being read."""
        counts = [item.declared_last for item in self.ranges]
        return Listing.of_union({**self._listings, "": Listing(_sum(counts), 0)}).declared

    @property
    def _listings(self) -> dict[str, Listing]:
        return {part.name: Listing(part.declared, part.read) for part in self.parts}

    def end_collection(self) -> None:
        """Note what the data collection that was read brought, and begin with the next."""
        before = self.parts
        read = self.taken.read - sum(part.read for part in before)
        counts = {
            list_name(self.collection.base_name, ListKey(*taken[:2])): taken[2] for taken in self.taken.lists
        }
        lists = {
            name: count - sum(part.lists.get(name, 0) for part in before) for name, count in counts.items()
        }
        part = CollectionPart(
            name=self.reading.name,
            declared=_sum([item.settled for item in self.ranges]),
            read=read,
            usable=sum(lists.values()),
            lists={name: count for name, count in lists.items() if count},
        )
        if len(self.ranges) > 1 and any(item.settled != item.read for item in self.ranges):
            # One with too many must not make up for one with too few.
            self.doubts.append(f"{part.name}: a range of created_at did not bring what it declared")
        self.parts = [*before, part]
        self.ranges = [RangeState()]

    @property
    def source(self) -> CollectionSource:
        """What was read of the data collections, for planning."""
        taken = self.taken
        return CollectionSource(
            listing=Listing.of_union(self._listings, tuple(self.doubts)),
            usable=taken.usable,
            unsupported=taken.unsupported,
            unusable=taken.unusable,
            kept_out=taken.kept_out,
            known_good=taken.known_good,
            known_good_samples=taken.known_good_samples,
            samples=taken.samples,
            parts=tuple(self.parts) if len(self.parts) > 1 else (),
        )


def _sum(counts: list[int | None]) -> int | None:
    """Return the sum; None where one of them is not known."""
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


class RunFolder:
    """The folder of one run: its state, and the entries that it has read and planned."""

    def __init__(self, base: Path, job_id: str) -> None:
        self.path = base / job_id

    @property
    def gathered(self) -> Path:
        """The folder with the entries that the lists shall have."""
        return self.path / WANTED

    def of(self, item: ListState) -> ListFolder:
        """Return the folder of one list in its present plan."""
        return ListFolder(self.path / f"{short(item.name)}-{item.times_planned}")

    def load(self) -> RunState | None:
        """Return how far the run is; None where nothing is to go on with, or it was too long ago."""
        file = self.path / STATE
        try:
            if time.time() - file.stat().st_mtime > STALE_S:
                return None
            return msgspec.json.decode(file.read_bytes(), type=RunState)
        except (OSError, UnicodeError, msgspec.MsgspecError):
            return None

    def is_under_way(self) -> bool:
        """Tell whether the run has not ended yet."""
        return (self.path / STATE).exists()

    def begin(self) -> None:
        """Start with an empty folder."""
        self.remove()
        self.path.mkdir(mode=0o700, parents=True)

    def save(self, state: RunState) -> None:
        """Write down how far the run is."""
        # The entries do not wait for the disk either: after a power cut a run is read anew.
        write_whole(str(self.path / STATE), msgspec.json.encode(state), is_lasting=False)

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def base_folder(settings: Settings) -> Path:
    """Return the folder of all runs, made if need be; what was abandoned there is removed.

    Raises ConfigError when it cannot be written or belongs to another user.
    """
    # Windows has no user ids; its temporary folder belongs to one user anyway.
    user = getattr(os, "getuid", lambda: "")()
    default = Path(tempfile.gettempdir()) / f"tq-sync-{user}"
    base = Path(settings.sync_dir).expanduser() if settings.sync_dir else default
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        if user != "" and not settings.sync_dir and base.stat().st_uid != user:
            raise ConfigError(f"{base} belongs to another user; name another folder", field="sync_dir")
        _remove_abandoned(base)
    except OSError as error:
        raise ConfigError(f"{base} cannot be used: {error.strerror}", field="sync_dir") from error
    return base


def host_of(base: Path) -> str:
    """Return by which name this host owns runs: workers that share a folder on it share their runs."""
    return f"{platform.node()}:{base.absolute()}"


def _remove_abandoned(base: Path) -> None:
    for folder in base.iterdir():
        # A run that ends meanwhile removes its folder itself.
        with suppress(FileNotFoundError):
            if time.time() - folder.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(folder, ignore_errors=True)
