"""The end of a run: what it did, list by list, for the job's result, the history and the pending deletes."""

from __future__ import annotations

import structlog
from msgspec import structs

from workers.core.sync_report import ListResult, RunResult
from workers.ledger.client import RedisClient
from workers.ledger.connection import now_ms
from workers.ledger.sync_runs import keep_abandoned, keep_result
from workers.listsync.plan import render
from workers.listsync.plan.plan import SyncPlan
from workers.listsync.run.cancelling import sentences
from workers.listsync.run.recorded import shown
from workers.listsync.run.run import Run
from workers.listsync.run.run_folder import ListState
from workers.listsync.run.stored_plans import keep_plan

log = structlog.get_logger(__name__)


def conclude(redis: RedisClient, run: Run, job_id: str) -> RunResult:
    """Write down what a run did, and return it as the job's result."""
    now, plan = now_ms(redis), run.plan()
    keep_plan(redis, job_id, plan)
    result = _result(run, plan, job_id, now_ms=now)
    if not run.state.dry_run:
        _keep_pending(run, now)
        keep_result(redis, result)
        if run.state.lists is not None:
            keep_abandoned(redis, result.abandoned)
    log.info(
        "sync ends",
        job=job_id,
        collection=result.collection,
        status=result.status,
        adds=result.adds,
        deletes=result.deletes,
        seconds=result.seconds,
    )
    return result


def _result(run: Run, plan: SyncPlan, job_id: str, *, now_ms: int) -> RunResult:
    state = run.state
    return RunResult(
        job=job_id,
        collection=plan.collection,
        status=_status(run),
        method=plan.method,
        kind=state.kind or "full",
        why=state.why,
        full_ms=state.full_ms or now_ms,
        plan=plan.id,
        began_ms=state.began_ms,
        seconds=round((now_ms - state.began_ms) / 1000, 1),
        declared=plan.source.listing.declared,
        read=_read(run, plan),
        unsupported=plan.source.unsupported,
        kept_out=plan.source.kept_out,
        known_good=plan.source.known_good,
        parts=plan.source.parts,
        lists=tuple(map(_list_result, run.lists)),
        notes=(
            *sentences(run),
            f"{'Delta' if state.kind == 'delta' else 'Full'} run: {state.why}",
            state.decisions.sentence(),
            *state.deviations,
            *([] if state.cancelled_by else render.notes(plan, foreign_stays=state.decisions.foreign_stays)),
            *_mismatches(run),
            *(item.sentence for item in state.abandoned),
        ),
        settings=shown(state.decisions),
        abandoned=tuple(state.abandoned),
    )


def _status(run: Run) -> str:
    if run.state.cancelled_by:
        return "cancelled"
    has_failed = any(item.error for item in run.lists)
    return "errors" if has_failed else "planned" if run.state.dry_run else "done"


def _read(run: Run, plan: SyncPlan) -> int:
    """Return how many rows were read: of a delta those that changed."""
    if run.state.kind == "delta":
        return run.state.changed
    return run.state.taken.read if run.state.cancelled_by else plan.source.listing.read


def _list_result(item: ListState) -> ListResult:
    if item.plan is None:
        count = item.found.entry_count if item.found else 0
        return ListResult(name=item.name, now=count, adds=0, deletes=0, after=count, error=item.error)
    result = structs.replace(item.plan.result(), entry_count=item.entry_count, error=item.error)
    if item.written is None:
        return result
    adds, deletes = item.written
    return structs.replace(result, adds=adds, deletes=deletes, after=item.plan.now + adds - deletes)


def _mismatches(run: Run) -> list[str]:
    """Say where LogRhythm counts other than the plan: another writer changes the list, or it refuses silently."""
    return [
        f"{item.name}: LogRhythm counts {item.entry_count:,} entries after the run, the plan {item.plan.after:,}"
        for item in run.lists
        if item.plan and not (item.error or item.written) and item.entry_count not in (None, item.plan.after)
    ]


def _keep_pending(run: Run, now_ms: int) -> None:
    """Remember the deletes that wait now, and forget approvals that were used."""
    approvals, collection = run.tools.approvals, run.state.collection.name
    guarding = run.state.decisions.guarding()
    waiting = {pending.list for pending in approvals.every()}
    for item in run.lists:
        plan = item.plan
        if plan is None or item.error or item.written or item.keeps_pending:
            continue
        if plan.released.count and item.name in waiting:
            approvals.drop(item.name, approved=True)
        if plan.pending is None:
            if item.name in waiting:
                approvals.drop(item.name)
        elif plan.pending.approvable:
            approvals.keep(
                collection,
                plan,
                guarding,
                caseless=run.caseless(item),
                now_ms=now_ms,
                asked_by=run.state.asked_by,
                four_eyes=run.four_eyes,
            )
        else:
            approvals.doubt(collection, plan, plan.pending, now_ms=now_ms)
