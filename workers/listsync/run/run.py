"""One run in the hands of this process: what its settings decide, the services that it uses, and how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct

from workers.core.text import short
from workers.indicators.known_good.configured import known_good_of
from workers.indicators.known_good.judge import KnownGood
from workers.indicators.known_good.lists import list_files
from workers.ledger.acts import Actor, Auditor
from workers.ledger.audit import Audit
from workers.ledger.sync_runs import Progress
from workers.listsync.plan.decisions import Decisions
from workers.listsync.plan.gather import Gathering
from workers.listsync.plan.mapping import ListFamily
from workers.listsync.plan.plan import Rules, SyncPlan, sync_plan
from workers.listsync.plan.settings import keeps_out_of, rules_of, types_of
from workers.listsync.plan.types import TypeTable
from workers.listsync.run.approvals import Approvals
from workers.listsync.run.context import SyncContext
from workers.listsync.run.list_folder import ListFolder
from workers.listsync.run.manifests import Manifests
from workers.listsync.run.run_folder import ListState, RunFolder, RunState
from workers.listsync.run.time_slice import TimeSlice
from workers.logrhythm.client import LogRhythm
from workers.logrhythm.model import ListSummary
from workers.settings.model import Settings
from workers.threatq.client import Caller
from workers.threatq.rows import Row
from workers.threatq.score_bands import ScoreBands, bands_of

#: Changes whenever what is kept in a run's folder does: a run from before an upgrade starts anew.
FORMAT = 10


def rules_digest(settings: Settings, decisions: Decisions, collection: ListFamily) -> str:
    """Return a digest of all that decides what a run of this collection does; when it changes, a run starts anew."""
    return short(repr((FORMAT, settings.threatq_url, settings.logrhythm_url, collection, decisions)))


def _keeps_out_digest(settings: Settings, collected_assets: tuple[str, ...]) -> str:
    """Return a digest of what each worker knows of ours itself, since another host's command may not know it."""
    ours = (settings.private_ips, settings.own_private_ranges, settings.own_assets, collected_assets)
    return short(repr((ours, settings.known_good and list_files(settings.known_good_dir))))


class Options(Struct, frozen=True):
    """What the settings say about every list of a run."""

    rules: Rules
    types: TypeTable
    bands: ScoreBands
    max_items: int
    keeps_out: frozenset[str] = frozenset()
    known_good: KnownGood = KnownGood()
    known_good_digest: str = ""

    @classmethod
    def of(cls, settings: Settings, collected_assets: tuple[str, ...] = ()) -> Options:
        """Read them from the settings; raises ConfigError. `collected_assets` are ours by a collection of ThreatQ."""
        return cls(
            rules_of(settings),
            types_of(settings),
            bands_of(settings),
            settings.sync_max_items,
            keeps_out_of(settings),
            known_good_of(settings, collected_assets),
            _keeps_out_digest(settings, collected_assets),
        )

    def kept_out(self, row: Row) -> str:
        """Return what keeps an indicator out of the lists, "" for nothing."""
        if row.status_name.casefold() in self.keeps_out:
            return f"its status {row.status_name} keeps it out of the lists (sync_statuses_kept_out)"
        verdict = self.known_good.judge(self.types.canonical(row.type_name) or row.type_name, row.value)
        if verdict and verdict.action == "block":
            return f"{verdict.part} {verdict.reason}, which keeps it out of the lists (docs/known-good.md)"
        return ""


class Tools(Struct, frozen=True):
    """The services that a run uses."""

    threatq: Caller
    logrhythm: LogRhythm
    manifests: Manifests
    approvals: Approvals

    @classmethod
    def of(cls, context: SyncContext, settings: Settings) -> Tools:
        """Return those that the settings name; raises ConfigError."""
        logrhythm = context.logrhythm(settings)
        manifests = Manifests(context.redis, logrhythm.transport.url)
        return cls(context.threatq.caller, logrhythm, manifests, Approvals(context.redis))

    def retire(self, item: ListSummary, audit: Auditor) -> ListSummary:
        """Retire a list in LogRhythm and forget what we put there; return it as it is then."""
        retired = self.logrhythm.retire_list(item)
        self.manifests.forget(item.guid)
        audit.record("retire", item.name, entries=item.entry_count)
        return retired


class Run:
    """A run of one collection; raises ConfigError for settings that do not allow one."""

    def __init__(
        self,
        context: SyncContext,
        settings: Settings,
        state: RunState,
        folder: RunFolder,
        time_slice: TimeSlice,
    ) -> None:
        self.state, self.folder, self.time_slice = state, folder, time_slice
        self.options, self.tools = (
            Options.of(settings, context.collected_assets()),
            Tools.of(context, settings),
        )
        self.settings, self.redis = settings, context.redis
        self.progress = Progress(context.redis, folder.path.name)
        self._context = context

    @property
    def audit(self) -> Audit:
        """The audit trail, for what is done for the one who started the run."""
        return self._context.audit.by(Actor(self.state.asked_by or "the schedule", self.state.via))

    @property
    def rules(self) -> str:
        """The digest of all that decides which entries the lists have, files and assets that keep some out included."""
        return short(self.state.rules + self.options.known_good_digest)

    @property
    def four_eyes(self) -> bool:
        """Whether who started the run may not approve the deletes that it finds."""
        return self._context.settings.sync_four_eyes

    @property
    def lists(self) -> list[ListState]:
        """The lists of the run, as far as they are known."""
        return self.state.lists or []

    def folder_of(self, item: ListState) -> ListFolder:
        """Return the folder of one list in its present plan."""
        return self.folder.of(item)

    def caseless(self, item: ListState) -> bool:
        """Tell whether entries of this list in capitals are the same entries."""
        return item.caseless if item.is_abandoned else self.options.types[item.type].caseless

    def gathering(self) -> Gathering:
        """Return the gathering of the collections as far as it is."""
        state, options = self.state, self.options
        folder = self.folder.gathered
        return Gathering(
            state.collection.base_name,
            options.types,
            options.bands,
            folder,
            keeps_out=options.keeps_out,
            known_good=options.known_good,
            since=state.taken,
        )

    def plan(self) -> SyncPlan:
        """Return the plans of all lists together."""
        plans = {item.name: item.plan for item in self.lists if item.plan}
        return sync_plan(self.state.collection, self.state.source, self.options.rules.method, plans)

    def save(self) -> None:
        """Write down how far the run is, unless another worker has it now."""
        if not self.time_slice.lost:
            self.folder.save(self.state)

    def fail(self, item: ListState, error: str) -> None:
        """Give one list up for this run, and show that; to be saved by the caller."""
        item.error = error
        self.progress.tell(item.name, "failed", 0, None)

    def wake_helpers(self, workers: int) -> None:
        """Let that many workers know that they can do a list task."""
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
