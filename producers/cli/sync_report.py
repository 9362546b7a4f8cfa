"""What is said of a run at its end: a table for people, JSON for programs, and the exit code."""

from __future__ import annotations

import json
from typing import Any

from producers.cli.console import AWAY, DONE, FAILED, WRONG_INPUT, note
from producers.cli.follow import End
from producers.cli.tables import Grid, show_all
from workers.core.results import Failure, RunResult, SyncOverlap, SyncSkipped, as_note
from workers.core.text import printable
from workers.ledger.admin import LedgerAdmin
from workers.listsync.plan import render
from workers.listsync.plan.plan import ListPlan, SyncPlan
from workers.listsync.run.stored_plans import plan_of

#: Exit code by how the following ended, where the run did not come to its end.
CODES = {"dead": FAILED, "waiting": AWAY, "held": WRONG_INPUT, "open": AWAY}

#: Exit code by the status of a run that came to its end.
STATUS_CODES = {"done": DONE, "planned": DONE, "errors": FAILED}

#: What a job without a collection's name is for.
ALL = "all collections"

NO_WORKER = (
    "no worker has taken the job; start one (celery -A workers.app worker -P threads -Q sync), or use --inline. "
    "The job is kept"
)


def code_of(end: End) -> int:
    """Return the exit code of one run."""
    if end.state != "done":
        return CODES[end.state]
    if isinstance(end.result, RunResult):
        return STATUS_CODES.get(end.result.status, FAILED)
    return WRONG_INPUT if isinstance(end.result, SyncSkipped) else FAILED


def show(admin: LedgerAdmin, end: End) -> None:
    """Print what a run did or would do; what keeps it from that goes to standard error."""
    result = end.result
    if not isinstance(result, RunResult):
        note(f"{end.collection or ALL}: {printable(reason(end))}")
        return
    plan = plan_of(admin.redis, end.job)
    if result.status == "planned" and plan:
        show_all([_plan_table(plan), *result.notes, *_samples(plan)])
    else:
        show_all([_result_table(result), *result.notes, *_errors(result)])


def as_json(admin: LedgerAdmin, end: End) -> str:
    """Return all that is known of a run as one line of JSON."""
    known: dict[str, Any] = {"collection": end.collection, "job": end.job, "state": end.state}
    plan = plan_of(admin.redis, end.job) if end.state == "done" else None
    if plan:
        known["plan"] = json.loads(render.as_json(plan))
    if end.state != "done":
        known["reason"] = reason(end)
    return json.dumps({**(as_note(end.result) if end.result else {}), **known})


def reason(end: End) -> str:
    """Say why a run did not do its work, and what becomes of it."""
    why = end.result.reason if isinstance(end.result, Failure | SyncSkipped | SyncOverlap) else ""
    whole = why if why.endswith(("?", ".")) else f"{why}."
    if end.state == "open":
        return NO_WORKER
    if end.state == "held":
        return f"{whole} The job is kept and goes on once this is corrected"
    if end.state == "waiting":
        return f"{whole} The job is kept and goes on once that is over"
    return why


def _plan_table(plan: SyncPlan) -> Grid:
    return _counts(
        f"{plan.collection} · {plan.method} · plan {plan.id}",
        ("Now", "Add", "Delete", "After", "Pending", "Foreign", "Left out"),
        [_row(item.name, *_planned(item)) for item in plan.lists],
    )


def _planned(planned: ListPlan) -> tuple[int, ...]:
    pending = planned.pending.count if planned.pending else 0
    return (
        planned.now,
        planned.adds.count,
        planned.released.count,
        planned.after,
        pending,
        planned.foreign.count,
        planned.left_out,
    )


def _samples(plan: SyncPlan) -> list[str]:
    return [f"  {item.name}  {line}" for item in plan.lists for line in render.samples(item)]


def _result_table(result: RunResult) -> Grid:
    return _counts(
        f"{result.collection} · {result.method} · {result.status} · {result.seconds:g} s",
        ("Before", "Added", "Deleted", "After", "Pending"),
        [
            [item.name, "failed", "", "", "", ""]
            if item.error
            else _row(item.name, item.now, item.adds, item.deletes, item.after, item.pending)
            for item in result.lists
        ],
    )


def _errors(result: RunResult) -> list[str]:
    return [f"{item.name}: {item.error}" for item in result.lists if item.error]


def _counts(title: str, counts: tuple[str, ...], rows: list[list[str]]) -> Grid:
    return Grid(title, ("List", *counts), rows, "no list", counts)


def _row(name: str, *counts: int) -> list[str]:
    return [name, *(f"{count:,}" if count else "·" for count in counts)]
