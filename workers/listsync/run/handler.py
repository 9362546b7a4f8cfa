"""What a worker does with a `lists.sync` job: hand it out by collection, or go on with its run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import structlog

from workers.core.errors import ConfigError, InputError, ServiceAway
from workers.core.jobs import Job
from workers.core.results import SyncHandedOut, SyncSkipped
from workers.core.sync_report import RunResult
from workers.ledger.client import RedisClient
from workers.ledger.connection import now_ms
from workers.ledger.expiries import tell_expiry
from workers.ledger.records import Claim, Settlement, done, released
from workers.ledger.status import tell
from workers.ledger.sync_cancels import cancelled_by
from workers.ledger.sync_owners import other_host, owner_of
from workers.listsync.plan.decisions import Decisions
from workers.listsync.plan.mapping import family_of
from workers.listsync.plan.settings import NEEDED, collections_of
from workers.listsync.run.cancelling import withdraw
from workers.listsync.run.collect import add_missing_lists, gather, look_up
from workers.listsync.run.context import SyncContext
from workers.listsync.run.delta import Postponed, choose_kind
from workers.listsync.run.outcome import conclude
from workers.listsync.run.prove import prove
from workers.listsync.run.recorded import decisions_of, deviation, shown
from workers.listsync.run.replica import Replica
from workers.listsync.run.run import Run, rules_digest
from workers.listsync.run.run_folder import RunFolder, RunState, base_folder, host_of
from workers.listsync.run.run_lease import RunLease
from workers.listsync.run.time_slice import Cancelled, Preempted, TimeSlice
from workers.listsync.run.writing import plan_and_write
from workers.logrhythm.token import DISPLAY_NAME, read_token
from workers.settings.model import Settings, not_set

log = structlog.get_logger(__name__)


def work(claim: Claim, context: SyncContext, stopping: Callable[[], bool]) -> Settlement:
    """Go on with a job until it ends or others wait, and say what became of it.

    Raises ServiceAway and ConfigError, with which the job waits, and what makes it impossible.
    """
    if skipped := _cancelled(claim, context):
        return skipped
    arguments, own = claim.known_arguments(), _own_settings(claim, context)
    if own is None:
        reason = f"the connector {context.settings.logrhythm_connector_name} is not enabled in ThreatQ"
        tell(context.redis, "logrhythm", reason)
        return done(claim, SyncSkipped(reason=reason))
    tell(context.redis, "logrhythm", not_set(own, NEEDED))
    _tell_token(context.redis, own)
    decisions = decisions_of(context.redis, claim.id, arguments.get("settings", {}), own)
    families = collections_of(decisions.over(own))
    name = str(arguments.get("collection", ""))
    if not name:
        return _hand_out(claim, context, decisions, [family.name for family in families])
    collection = family_of(families, name)
    if collection is None:
        known = ", ".join(family.name for family in families)
        raise InputError(f"{name!r} is not among the data collections: {known}", field="collection")
    new = RunState(
        collection=collection,
        rules=rules_digest(own, decisions, collection),
        decisions=decisions,
        began_ms=now_ms(context.redis),
        dry_run=bool(arguments.get("dry_run")),
        asked_by=claim.sender,
        via=claim.producer,
        mode=str(arguments.get("mode", "")),
    )
    return _go_on(claim, context, own, new, stopping)


def _cancelled(claim: Claim, context: SyncContext) -> Settlement | None:
    """Return the end of a job that was cancelled and of which nothing lies on this disk; no service is called."""
    redis, base = context.redis, base_folder(context.settings)
    by, owner = cancelled_by(redis, claim.id), owner_of(redis, claim.id)
    if not by or RunFolder(base, claim.id).is_under_way() or other_host(redis, claim.id, host_of(base)):
        return None
    so_far = f"what {owner.host} had written by then is in the lists" if owner else "nothing was written"
    return done(claim, SyncSkipped(reason=f"cancelled by {by}; {so_far}"))


def _own_settings(claim: Claim, context: SyncContext) -> Settings | None:
    """Return this worker's settings as they are now; to end a run while ThreatQ is away, as they were last."""
    try:
        return context.sync_settings()
    except ServiceAway:
        if context.last_sync_settings and cancelled_by(context.redis, claim.id):
            return context.last_sync_settings
        raise


def _tell_token(redis: RedisClient, settings: Settings) -> None:
    """Say when LogRhythm's token ends, which may stand on its page in ThreatQ alone."""
    with suppress(ConfigError):
        tell_expiry(redis, DISPLAY_NAME, read_token(settings.logrhythm_token).exp)


def _hand_out(claim: Claim, context: SyncContext, decisions: Decisions, names: list[str]) -> Settlement:
    """Make a job for each collection, each with a wake-up of its own so that workers do them side by side."""
    runs, settings = {}, shown(decisions)
    for name in names:
        job = Job(
            "lists.sync",
            {**claim.arguments, "collection": name, "settings": settings},
            producer=claim.producer,
            sender=claim.sender,
            title=f"sync {name}",
            trace=claim.trace,
            key=f"{claim.id}:{name}",
        )
        (answer,) = context.ledger.accept([job])
        runs[name] = answer.id
    return done(claim, SyncHandedOut(runs=runs))


def _go_on(
    claim: Claim, context: SyncContext, own: Settings, new: RunState, stopping: Callable[[], bool]
) -> Settlement:
    base = base_folder(own)
    lease = RunLease(context, claim, () if new.dry_run else new.collection.names, host_of(base))
    if refusal := lease.refusal():
        return refusal
    folder = RunFolder(base, claim.id)
    try:
        time_slice = TimeSlice(stopping, lease.is_ours, lease.may_go_on, lease.cancelled_by)
        run = _taken_up(context, own, folder, new, time_slice, is_moved=lease.is_moved)
        if not _completes(run):
            return released(claim)
        prove(run)
        result: RunResult | SyncSkipped = conclude(context.redis, run, claim.id)
    except Preempted:
        return released(claim)
    except Postponed as reason:
        result = SyncSkipped(reason=str(reason))
    except (ServiceAway, ConfigError):
        # The job waits, and its collection and its host with it.
        lease.wait()
        raise
    except Exception:
        lease.end()
        raise
    folder.remove()
    Replica(context.redis, claim.id).forget()
    lease.end()
    return done(claim, result)


def _completes(run: Run) -> bool:
    """Go on until the run is at its end or cancelled; return whether it came so far before others waited."""
    try:
        run.time_slice.check_cancelled()
        return _advance(run)
    except Cancelled as cancelled:
        withdraw(run, str(cancelled))
    return True


def _taken_up(
    context: SyncContext,
    own: Settings,
    folder: RunFolder,
    new: RunState,
    time_slice: TimeSlice,
    *,
    is_moved: bool,
) -> Run:
    """Return the run as another process left it, or a new one; both with the settings of the run, not this worker's."""
    replica = Replica(context.redis, folder.path.name)
    state = (None if is_moved else folder.load()) or replica.restore(folder)
    if state is None or state.rules != new.rules:
        folder.begin()
        replica.forget()
        state = new
        method = state.decisions.sync_method
        log.info("sync begins", job=folder.path.name, collection=state.collection.name, method=method)
    differs = deviation(state.decisions, own)
    if differs and differs not in state.deviations:
        state.deviations.append(differs)
        log.warning("other settings", job=folder.path.name, reason=differs)
    return Run(context, state.decisions.over(own), state, folder, time_slice)


def _advance(run: Run) -> bool:
    """Do what the time allows; return whether the run is at its end."""
    for part in (choose_kind, look_up, gather, add_missing_lists, plan_and_write):
        steps = part(run)
        try:
            if not run.time_slice.completes(steps):
                return False
        finally:
            steps.close()
    return True
