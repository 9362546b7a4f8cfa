"""What a worker does with a `lists.sync` job: hand it out by collection, or go on with its run for a few seconds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import structlog

from workers.core.errors import ConfigError, InputError, ServiceAway
from workers.core.jobs import Job
from workers.core.results import SyncHandedOut, SyncOverlap, SyncSkipped
from workers.ledger.admin import LedgerAdmin
from workers.ledger.client import RedisClient
from workers.ledger.connection import now_ms
from workers.ledger.expiries import tell_expiry
from workers.ledger.locks import hold_all, release_all
from workers.ledger.records import Claim, Settlement, done, released
from workers.ledger.status import tell
from workers.listsync.plan.decisions import Decisions
from workers.listsync.plan.mapping import family_of
from workers.listsync.plan.settings import NEEDED, collections_of
from workers.listsync.run.collect import add_missing_lists, gather, look_up
from workers.listsync.run.context import SyncContext
from workers.listsync.run.outcome import conclude
from workers.listsync.run.recorded import decisions_of, deviation, shown
from workers.listsync.run.run import Run, rules_digest
from workers.listsync.run.run_folder import RunFolder, RunState, base_folder
from workers.listsync.run.time_slice import Preempted, TimeSlice
from workers.listsync.run.writing import plan_and_write
from workers.logrhythm.token import DISPLAY_NAME, read_token
from workers.settings.model import Settings, not_set

log = structlog.get_logger(__name__)


def work(claim: Claim, context: SyncContext, stopping: Callable[[], bool]) -> Settlement:
    """Go on with a job for a few seconds and say what became of it.

    Raises ServiceAway and ConfigError, with which the job waits, and what makes it impossible.
    """
    arguments, own = claim.known_arguments(), context.sync_settings()
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
    time_slice = TimeSlice(stopping, partial(_is_ours, context, claim))
    new = RunState(
        collection=collection,
        rules=rules_digest(own, decisions, collection),
        decisions=decisions,
        began_ms=now_ms(context.redis),
        dry_run=bool(arguments.get("dry_run")),
        asked_by=claim.sender,
        via=claim.producer,
    )
    return _go_on(claim, context, own, new, time_slice)


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


def _is_ours(context: SyncContext, claim: Claim) -> bool:
    return claim.id not in context.ledger.renew([claim])


def _go_on(
    claim: Claim, context: SyncContext, own: Settings, new: RunState, time_slice: TimeSlice
) -> Settlement:
    names = new.collection.names
    if not new.dry_run:
        holder = hold_all(context.redis, names, claim.id)
        if holder != claim.id:
            return done(claim, _overlap(context, new.collection.name, holder))
    try:
        run = _taken_up(context, own, RunFolder(base_folder(own), claim.id), new, time_slice)
        if not _advance(run):
            return released(claim)
        result = conclude(context.redis, run, claim.id)
    except Preempted:
        return released(claim)
    except (ServiceAway, ConfigError):
        # The job waits, and its collection with it.
        raise
    except Exception:
        release_all(context.redis, names, claim.id)
        raise
    run.folder.remove()
    release_all(context.redis, names, claim.id)
    return done(claim, result)


def _overlap(context: SyncContext, collection: str, holder: str) -> SyncOverlap:
    """Return the result of a run whose collection another job has; `at_work`: a worker works on that one now."""
    record = LedgerAdmin(context.redis).record(holder)
    reason = f"a run of {collection!r} is under way (job {holder}); nothing was started"
    if record is not None and record.state == "waiting":
        reason = f"a run of {collection!r} waits already (job {holder}) and is tried again each minute: {record.reason}"
    at_work = record is not None and record.state == "running"
    return SyncOverlap(by=holder, at_work=at_work, reason=reason)


def _taken_up(
    context: SyncContext, own: Settings, folder: RunFolder, new: RunState, time_slice: TimeSlice
) -> Run:
    """Return the run as another process left it, or a new one; both with the settings of the run, not this worker's."""
    state = folder.load()
    if state is None or state.rules != new.rules:
        folder.begin()
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
    for part in (look_up, gather, add_missing_lists, plan_and_write):
        steps = part(run)
        try:
            if not run.time_slice.completes(steps):
                return False
        finally:
            steps.close()
    return True
