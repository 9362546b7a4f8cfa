"""One run: what it works with, and how far it is.

How long a worker stays with one run before it gives way, and when it must let go at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from workers.core.text import short
from workers.ledger.sync_runs import Progress
from workers.listsync.plan.mapping import ListFamily
from workers.listsync.plan.naming import ScoreBands
from workers.listsync.plan.plan import Rules, SyncPlan, sync_plan
from workers.listsync.plan.settings import bands_of, rules_of, types_of
from workers.listsync.plan.types import TypeTable
from workers.listsync.run.approvals import Approvals
from workers.listsync.run.context import SyncContext
from workers.listsync.run.manifests import Manifests
from workers.listsync.run.run_folder import ListState, RunFolder, RunState
from workers.logrhythm.client import LogRhythm
from workers.settings.model import Settings
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
    holds: Approvals

    @classmethod
    def of(cls, context: SyncContext, settings: Settings) -> Tools:
        """Return those that the settings name; raises ConfigError."""
        logrhythm = context.logrhythm(settings)
        manifests = Manifests(context.redis, logrhythm.transport.url)
        return cls(context.threatq.caller, logrhythm, manifests, Approvals(context.redis))


class Run:
    """A run of one collection in the hands of this process; raises ConfigError for settings that do not allow one."""

    def __init__(
        self, context: SyncContext, settings: Settings, state: RunState, folder: RunFolder, slice: Slice
    ) -> None:
        self.state, self.folder, self.slice = state, folder, slice
        self.options, self.tools = Options.of(settings), Tools.of(context, settings)
        self.progress = Progress(context.redis, folder.path.name)
        self._context = context

    def save(self) -> None:
        """Write down how far the run is, unless another worker has it now."""
        if not self.slice.lost:
            self.folder.save(self.state)

    def call_for_help(self, workers: int) -> None:
        """Let that many workers know that they can do a piece."""
        if workers > 0:
            self._context.ledger.wake_helpers("sync", workers)

    @contextmanager
    def as_own(self) -> Iterator[None]:
        """Keep helpers out of this process meanwhile: they would only take processor time from the run."""
        own, name = self._context.own_syncs, self.folder.path.name
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


def deciding(settings: Settings, collection: ListFamily) -> str:
    """Return a digest of all that decides what a run of this collection does."""
    return short(repr((FORMAT, collection, [getattr(settings, name) for name in DECIDING])))


#: Seconds that a worker stays with a run; then whoever waits longest goes on.
SLICE_S = 4.0

#: Seconds between two looks at whether the job is still ours.
LOOK_EVERY_S = 1.0


class Preempted(Exception):
    """This worker stops, or the job has gone to another one."""


class Slice:
    """One worker's time with one run.

    `is_ours` asks the ledger whether the job's lease is still ours: a process that was asleep for a minute must
    not write any more.
    """

    def __init__(
        self, stopping: Callable[[], bool], is_ours: Callable[[], bool], *, seconds: float = SLICE_S
    ) -> None:
        self._stopping, self._is_ours = stopping, is_ours
        self._ends = time.monotonic() + seconds
        self._look_at = time.monotonic() + LOOK_EVERY_S
        #: Set when the job has gone to another worker, which owns the run's files now.
        self.lost = False

    def checkpoint(self) -> None:
        """Raise Preempted when this worker must not go on; to be called every second or so."""
        if self._stopping():
            raise Preempted
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_EVERY_S
            self.lost = not self._is_ours()
            if self.lost:
                raise Preempted

    def takes(self, pieces: Iterator[None]) -> bool:
        """Do one piece after the other; return whether all were done before the time was over."""
        for _ in pieces:
            self.checkpoint()
            if time.monotonic() >= self._ends:
                return False
        return True
