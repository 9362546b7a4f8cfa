"""The end of a run: what it did, list by list, for the job, the history and whoever waits."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog
from redis import Redis

from workers.listsync import render
from workers.listsync.plan import ListPlan, SyncPlan
from workers.sync.journal import ListResult, RunResult, keep_result, now_ms
from workers.sync.plans import keep_plan
from workers.sync.run import Run
from workers.sync.state import ListState

log = structlog.get_logger(__name__)


def conclude(redis: Redis, run: Run, job_id: str, *, dry_run: bool) -> dict[str, Any]:
    """Write down what a run did, and return it as the job's result."""
    now, plan = now_ms(redis), run.plan()
    keep_plan(redis, job_id, plan)
    result = _result(run, plan, job_id, now_ms=now, dry_run=dry_run)
    if not dry_run:
        _keep_holds(run, now)
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


def _keep_holds(run: Run, now_ms: int) -> None:
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
