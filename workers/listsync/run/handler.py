"""What a worker does with a `lists.sync` job: hand it out by collection, or go on with its run for a few seconds.

The end of a run: what it did, list by list, for the job, the history and whoever waits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import structlog
from redis import Redis

from workers.core.errors import ConfigError, InputError, ServiceAway
from workers.core.jobs import Job
from workers.ledger.admin import LedgerAdmin
from workers.ledger.locks import hold, release
from workers.ledger.records import Claim, Settlement, done, released
from workers.ledger.status import tell
from workers.ledger.sync_runs import ListResult, RunResult, keep_result, now_ms
from workers.listsync.plan import render
from workers.listsync.plan.mapping import ListFamily
from workers.listsync.plan.plan import ListPlan, SyncPlan
from workers.listsync.plan.settings import NEEDED, collections_of, require_sync
from workers.listsync.run.collect import gather
from workers.listsync.run.context import SyncContext
from workers.listsync.run.planning import look_up
from workers.listsync.run.run import Preempted, Run, Slice, deciding
from workers.listsync.run.run_folder import ListState, RunFolder, RunState, base_folder
from workers.listsync.run.stored_plans import keep_plan
from workers.listsync.run.writing import plan_and_write
from workers.settings.model import Settings, not_set

log = structlog.get_logger(__name__)


def work(claim: Claim, context: SyncContext, stopping: Callable[[], bool]) -> Settlement:
    """Go on with a job for a few seconds and say what became of it.

    Raises ServiceAway and ConfigError, with which the job waits, and what makes it impossible.
    """
    settings = context.sync_settings()
    if settings is None:
        reason = f"the connector {context.settings.logrhythm_connector_name} is not enabled in ThreatQ"
        tell(context.redis, "logrhythm", reason)
        return done(claim, {"status": "skipped", "reason": reason})
    tell(context.redis, "logrhythm", not_set(settings, NEEDED))
    require_sync(settings)
    collections = {one.name: one for one in collections_of(settings)}
    name = str(claim.arguments.get("collection", ""))
    if not name:
        return _hand_out(claim, context, list(collections))
    if name not in collections:
        raise InputError(
            f"{name!r} is not among the data collections: {', '.join(collections)}", field="collection"
        )
    return _go_on(
        claim, context, settings, collections[name], Slice(stopping, partial(_is_ours, context, claim))
    )


def _hand_out(claim: Claim, context: SyncContext, names: list[str]) -> Settlement:
    """Make a job for each collection, each with a wake-up of its own so that workers do them side by side."""
    runs = {}
    for name in names:
        job = Job(
            "lists.sync",
            {**claim.arguments, "collection": name},
            producer=claim.producer,
            title=f"sync {name}",
            trace=claim.trace,
            key=f"{claim.id}:{name}",
        )
        (answer,) = context.ledger.accept([job])
        runs[name] = answer.id
    return done(claim, {"status": "handed out", "runs": runs})


def _go_on(
    claim: Claim, context: SyncContext, settings: Settings, collection: ListFamily, slice: Slice
) -> Settlement:
    dry_run = bool(claim.arguments.get("dry_run"))
    if not dry_run:
        holder = hold(context.redis, collection.name, claim.id)
        if holder != claim.id:
            return done(claim, _overlap(context, collection.name, holder))
    try:
        run = _taken_up(claim, context, settings, collection, slice)
        if not _advance(run):
            return released(claim)
        result = conclude(context.redis, run, claim.id, dry_run=dry_run)
    except Preempted:
        return released(claim)
    except (ServiceAway, ConfigError):
        # The job waits, and its collection with it.
        raise
    except Exception:
        release(context.redis, collection.name, claim.id)
        raise
    run.folder.remove()
    release(context.redis, collection.name, claim.id)
    return done(claim, result)


def _overlap(context: SyncContext, collection: str, holder: str) -> dict[str, Any]:
    """Return what is said to a run whose collection another job has; `at_work`: somebody works on that one now."""
    record = LedgerAdmin(context.redis).record(holder)
    reason = f"a run of {collection!r} is under way (job {holder}); nothing was started"
    if record is not None and record.state == "waiting":
        why = record.result.get("reason", "")
        reason = f"a run of {collection!r} waits already (job {holder}) and is tried again each minute: {why}"
    at_work = record is not None and record.state == "running"
    return {"status": "overlap", "by": holder, "at_work": at_work, "reason": reason}


def _advance(run: Run) -> bool:
    """Do what the time allows; return whether the run is at its end."""
    for part in (look_up, gather, plan_and_write):
        pieces = part(run)
        try:
            if not run.slice.takes(pieces):
                return False
        finally:
            pieces.close()
    return True


def _taken_up(
    claim: Claim, context: SyncContext, settings: Settings, collection: ListFamily, slice: Slice
) -> Run:
    """Return the run as another process left it, or a new one."""
    folder, rules = RunFolder(base_folder(settings), claim.id), deciding(settings, collection)
    state = folder.load()
    if state is None or state.rules != rules:
        folder.begin()
        state = RunState(
            collection=collection,
            rules=rules,
            began_ms=now_ms(context.redis),
            dry_run=bool(claim.arguments.get("dry_run")),
        )
        log.info("sync begins", job=claim.id, collection=collection.name, method=settings.sync_method)
    return Run(context, settings, state, folder, slice)


def _is_ours(context: SyncContext, claim: Claim) -> bool:
    return claim.id not in context.ledger.renew([claim])


def conclude(redis: Redis, run: Run, job_id: str, *, dry_run: bool) -> dict[str, Any]:
    """Write down what a run did, and return it as the job's result."""
    now, plan = now_ms(redis), run.plan()
    keep_plan(redis, job_id, plan)
    result = _result(run, plan, job_id, now_ms=now, dry_run=dry_run)
    if not dry_run:
        _keep_pending(run, now)
        keep_result(redis, result)
    log.info(
        "sync ends",
        job=job_id,
        collection=result.collection,
        status=result.status,
        adds=result.adds,
        deletes=result.deletes,
        seconds=result.seconds,
    )
    return {**msgspec.to_builtins(result), "adds": result.adds, "deletes": result.deletes}


def _result(run: Run, plan: SyncPlan, job_id: str, *, now_ms: int, dry_run: bool) -> RunResult:
    state = run.state
    failed = any(one.error for one in run.lists)
    return RunResult(
        job=job_id,
        collection=plan.collection,
        status="errors" if failed else "planned" if dry_run else "done",
        method=plan.method,
        plan=plan.id,
        began_ms=state.began_ms,
        seconds=round((now_ms - state.began_ms) / 1000, 1),
        declared=plan.source.listing.declared,
        read=plan.source.listing.read,
        unsupported=plan.source.unsupported,
        lists=tuple(_list(one) for one in run.lists),
        notes=(*render.notes(plan), *_mismatches(run)),
    )


def _list(one: ListState) -> ListResult:
    plan = one.plan
    if plan is None:
        return ListResult(name=one.name, now=0, adds=0, deletes=0, after=0, error=one.error)
    return ListResult(
        name=one.name,
        now=plan.now,
        adds=plan.adds.count,
        deletes=plan.released.count,
        after=plan.after,
        held=plan.held.count if plan.held else 0,
        foreign=plan.foreign.count,
        left_out=plan.left_out,
        entry_count=one.entry_count,
        error=one.error,
    )


def _mismatches(run: Run) -> list[str]:
    """Say where LogRhythm counts other than the plan: somebody else changes the list, or it refuses silently."""
    return [
        f"{one.name}: LogRhythm counts {one.entry_count:,} entries after the run, the plan {one.plan.after:,}"
        for one in run.lists
        if one.plan and not one.error and one.entry_count not in (None, one.plan.after)
    ]


def _keep_pending(run: Run, now_ms: int) -> None:
    """Remember what is held now, and forget approvals that were used."""
    holds, collection = run.tools.holds, run.state.collection.name
    for one in run.lists:
        if one.plan is None or one.error:
            continue
        if _used_approval(one.plan):
            holds.drop(one.name, approved=True)
        if one.plan.held is None:
            holds.drop(one.name)
        elif one.plan.held.approvable:
            holds.keep(collection, one.plan, caseless=run.caseless(one), now_ms=now_ms)
        else:
            holds.doubt(collection, one.plan, one.plan.held, now_ms=now_ms)


def _used_approval(plan: ListPlan) -> bool:
    return plan.released.count > 0
