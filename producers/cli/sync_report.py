"""What is said of a run at its end: a table for people, JSON for programs, and the exit code."""

from __future__ import annotations

import json
from typing import Any

from producers.cli.console import AWAY, DONE, FAILED, WRONG_INPUT, note
from producers.cli.follow import End
from producers.cli.tables import Grid, show_all
from workers.core.results import Failure, SyncOverlap, SyncSkipped, as_note
from workers.core.sync_report import Count, ListResult, RunResult, columns
from workers.core.text import printable
from workers.ledger.admin import LedgerAdmin
from workers.listsync.plan import render
from workers.listsync.plan.plan import SyncPlan
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
    plan = plan_of(admin.redis, end.job) if result.is_planned else None
    details = _samples(plan) if plan else _errors(result)
    show_all([_table(result), *result.notes, *details])


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


def _samples(plan: SyncPlan) -> list[str]:
    return [f"  {item.name}  {line}" for item in plan.lists for line in render.samples(item)]


def _table(result: RunResult) -> Grid:
    """Return what was done, or would be done, list by list."""
    counts = columns(result.lists, planned=result.is_planned)
    end = f"plan {result.plan}" if result.is_planned else f"{result.status} · {result.seconds:g} s"
    headings = tuple(count.planned if result.is_planned else count.heading for count in counts)
    rows = [[item.name, *_counts(item, counts)] for item in result.lists]
    title = f"{result.collection} · {result.method} · {end}"
    return Grid(title, ("List", *headings), rows, "no list", headings)


def _counts(item: ListResult, counts: list[Count]) -> list[str]:
    if item.error:
        return ["failed", *[""] * (len(counts) - 1)]
    return [f"{count.of(item):,}" if count.of(item) else "·" for count in counts]


def _errors(result: RunResult) -> list[str]:
    return [f"{item.name}: {item.error}" for item in result.lists if item.error]
