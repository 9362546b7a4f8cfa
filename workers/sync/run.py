"""One run: what it works with, and how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from workers.config import Settings
from workers.listsync.buckets import ScoreBands
from workers.listsync.digests import short
from workers.listsync.mapping import Collection
from workers.listsync.options import bands_of, rules_of, types_of
from workers.listsync.plan import Rules, SyncPlan, sync_plan
from workers.listsync.types import TypeTable
from workers.logrhythm.client import LogRhythm
from workers.runtime import Runtime
from workers.sync.holds import Holds
from workers.sync.journal import Progress
from workers.sync.manifests import Manifests
from workers.sync.slices import Slice
from workers.sync.state import ListState, RunFolder, RunState
from workers.threatq.client import Caller

#: Changes whenever what is kept in a run's folder does: a run from before an upgrade starts anew.
FORMAT = 3

#: The settings that decide what a run reads and writes; when one changes, a run starts anew.
DECIDING = (
    "threatq_url",
    "logrhythm_url",
    "sync_method",
    "sync_max_items",
    "sync_list_maximum",
    "sync_delete_max_count",
    "sync_delete_max_percent",
    "sync_foreign_entries",
    "sync_types",
    "sync_score_bands",
    "sync_score_zero",
)


class Options(Struct, frozen=True):
    """What the settings say about every list of a run."""

    rules: Rules
    types: TypeTable
    bands: ScoreBands
    max_items: int

    @classmethod
    def of(cls, settings: Settings) -> Options:
        """Read them from the settings; raises ConfigError."""
        return cls(rules_of(settings), types_of(settings), bands_of(settings), settings.sync_max_items)


class Tools(Struct, frozen=True):
    """The services that a run uses."""

    threatq: Caller
    logrhythm: LogRhythm
    manifests: Manifests
    holds: Holds

    @classmethod
    def of(cls, here: Runtime, settings: Settings) -> Tools:
        """Return those that the settings name; raises ConfigError."""
        logrhythm = here.logrhythm(settings)
        manifests = Manifests(here.redis, logrhythm.gateway.url)
        return cls(here.threatq.caller, logrhythm, manifests, Holds(here.redis))


class Run:
    """A run of one collection in the hands of this process; raises ConfigError for settings that do not allow one."""

    def __init__(
        self, here: Runtime, settings: Settings, state: RunState, folder: RunFolder, slice: Slice
    ) -> None:
        self.state, self.folder, self.slice = state, folder, slice
        self.options, self.tools = Options.of(settings), Tools.of(here, settings)
        self.progress = Progress(here.redis, folder.path.name)
        self._here = here

    def save(self) -> None:
        """Write down how far the run is, unless another worker has it now."""
        if not self.slice.lost:
            self.folder.save(self.state)

    def call_for_help(self, workers: int) -> None:
        """Let that many workers know that they can do a piece."""
        if workers > 0:
            self._here.ledger.call_together("sync", workers)

    @contextmanager
    def as_own(self) -> Iterator[None]:
        """Keep helpers out of this process meanwhile: they would only take processor time from the run."""
        own, name = self._here.own_syncs, self.folder.path.name
        own.add(name)
        try:
            yield
        finally:
            own.discard(name)

    @property
    def lists(self) -> list[ListState]:
        """The lists of the run, as far as they are known."""
        return self.state.lists or []

    def folder_of(self, one: ListState) -> Path:
        """The folder of one list in its present plan."""
        return self.folder.of(one)

    def caseless(self, one: ListState) -> bool:
        """Whether entries of this list in capitals are the same entries."""
        return self.options.types[one.type].caseless

    def plan(self) -> SyncPlan:
        """The plans of all lists together."""
        plans = {one.name: one.plan for one in self.lists if one.plan}
        return sync_plan(self.state.collection, self.state.source, self.options.rules.method, plans)


def deciding(settings: Settings, collection: Collection) -> str:
    """Return a digest of all that decides what a run of this collection does."""
    return short(repr((FORMAT, collection, [getattr(settings, name) for name in DECIDING])))
