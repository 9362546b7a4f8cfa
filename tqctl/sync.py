"""`tqctl sync`: plan without writing, watch and cancel runs, approve pending deletes, see what runs did."""

from __future__ import annotations

import os
import time
from argparse import ArgumentParser, Namespace

from msgspec import to_builtins

from producers.cli.tables import Grid
from producers.logrhythm import main as sync_now
from tqctl import sync_live, takeover
from tqctl.shell import Shell, above_zero, options_of_all
from workers.core.jobs import Job
from workers.core.sync_report import RunResult, as_json, columns
from workers.core.text import age, moment
from workers.core.trace import trace_of
from workers.ledger.connection import now_ms
from workers.ledger.sync_approvals import PendingDelete, PendingDeletes
from workers.ledger.sync_runs import history


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    planning = actions.add_parser(
        "plan", help="what a sync would do, list by list; writes nothing", parents=[options_of_all()]
    )
    planning.add_argument("--collection", default="", help="only this data collection")
    planning.add_argument("--inline", action="store_true", help="do the work in this process")
    planning.set_defaults(run=show_plan)

    holding = actions.add_parser(
        "held", help="pending deletes: those that wait for an approval", parents=[options_of_all()]
    )
    holding.set_defaults(run=show_pending)

    approving = actions.add_parser(
        "approve",
        help="approve just the pending deletes of this id, and sync now",
        parents=[options_of_all()],
    )
    approving.add_argument("id")
    approving.add_argument("--later", action="store_true", help="leave it to the next scheduled run")
    approving.set_defaults(run=approve)

    watching = actions.add_parser(
        "watch", help="follow runs that are under way, on whichever host", parents=[options_of_all()]
    )
    sync_live.add_watch_arguments(watching)

    cancelling = actions.add_parser(
        "cancel",
        help="end a run at its next safe point and say what it wrote; the next run does the rest",
        parents=[options_of_all()],
    )
    sync_live.add_cancel_arguments(cancelling)

    taking_over = actions.add_parser(
        "takeover",
        help="show what others put into our lists, and make it ours; for ThreatQuotient's connector",
        parents=[options_of_all()],
    )
    takeover.add_arguments(taking_over)

    past = actions.add_parser(
        "history", help="adds, deletes and duration of the last runs", parents=[options_of_all()]
    )
    past.add_argument("--limit", type=above_zero, default=20, metavar="N", help="default: 20")
    past.add_argument("--collection", default="", help="only this data collection")
    past.add_argument("--lists", action="store_true", help="list by list")
    past.set_defaults(run=show_history)


def show_plan(shell: Shell, options: Namespace) -> int:
    """Do what tq-conn-logrhythm --dry-run does."""
    arguments = ["--dry-run", "-c", str(shell.loaded.path.parent)]
    arguments += ["--collection", options.collection] if options.collection else []
    arguments += [
        flag for flag, wanted in (("--json", shell.as_json), ("--inline", options.inline)) if wanted
    ]
    return sync_now(arguments)


def show_pending(shell: Shell, _options: Namespace) -> int:
    """Show pending deletes."""
    deletes = PendingDeletes(shell.admin.redis).every()
    shell.show(
        [to_builtins(pending) for pending in deletes],
        lambda _: [_pending(deletes), *_advice(deletes)],
    )
    return 0


def approve(shell: Shell, options: Namespace) -> int:
    """Approve pending deletes."""
    redis = shell.admin.redis
    pending = PendingDeletes(redis).approve(options.id, shell.audit, now_ms=now_ms(redis))
    job_id = "" if options.later else _start(shell, pending)
    what_next = f"job {job_id} carries them out" if job_id else "the next run carries them out"
    shell.show(
        {
            "id": pending.id,
            "list": pending.list,
            "deletes": pending.count,
            "job": job_id,
        },
        lambda v: [f"{v['deletes']:,} deletes of {v['list']} are approved; {what_next}"],
    )
    return 0


def show_history(shell: Shell, options: Namespace) -> int:
    """Show the last runs."""
    runs = [
        run
        for run in history(shell.admin.redis, most=1_000)
        if options.collection in ("", run.collection, *(part.name for part in run.parts))
    ]
    runs = runs[: options.limit]
    shell.show([as_json(run) for run in runs], lambda _: [_by_list(runs) if options.lists else _runs(runs)])
    return 0


def _start(shell: Shell, pending: PendingDelete) -> str:
    job = Job(
        "lists.sync",
        {"collection": pending.collection, "dry_run": False, "settings": pending.settings},
        producer="tqctl",
        sender=shell.audit.actor.name,
        title=f"sync {pending.collection}",
        trace=trace_of(os.environ),
        key=f"approve:{pending.id}:{pending.since_ms}",
    )
    (answer,) = shell.ledger.accept([job])
    return answer.id


def _pending(deletes: list[PendingDelete]) -> Grid:
    columns = ("Id", "List", "Deletes", "Of", "For", "Approved", "Why")
    rows = [
        [
            pending.id,
            pending.list,
            f"{pending.count:,}",
            f"{pending.now:,}",
            _since(pending.since_ms),
            pending.approved_by,
            pending.doubt or pending.reason,
        ]
        for pending in deletes
    ]
    return Grid("", columns, rows, "no delete is pending")


def _advice(deletes: list[PendingDelete]) -> list[str]:
    lines = [f"{pending.list}: for example {', '.join(pending.samples)}" for pending in deletes]
    lines += [
        f"{pending.list}: may not be approved now: {pending.doubt}" for pending in deletes if pending.doubt
    ]
    if any(not (pending.approved_ms or pending.doubt) for pending in deletes):
        lines.append("tqctl sync approve ID approves just these deletes")
    return lines


def _runs(runs: list[RunResult]) -> Grid:
    columns = (
        "Began",
        "Collection",
        "Status",
        "Method",
        "Kind",
        "Read",
        "Added",
        "Deleted",
        "Pending",
        "Took",
    )
    rows = [
        [
            _moment(run.began_ms),
            run.collection,
            run.status,
            run.method,
            run.kind,
            f"{run.read:,}",
            f"{run.adds:,}",
            f"{run.deletes:,}",
            f"{run.pending:,}",
            f"{run.seconds:g} s",
        ]
        for run in runs
    ]
    return Grid("", columns, rows, "no run is remembered")


def _by_list(runs: list[RunResult]) -> Grid:
    counts = columns(item for run in runs for item in run.lists)
    rows = [
        [_moment(run.began_ms), item.name, *(f"{count.of(item):,}" for count in counts), item.error]
        for run in runs
        for item in run.lists
    ]
    headings = ("Began", "List", *(count.heading for count in counts), "Error")
    return Grid("", headings, rows, "no run is remembered")


def _since(since_ms: int) -> str:
    return age(max(time.time() - since_ms / 1000, 0))


def _moment(began_ms: int) -> str:
    return f"{moment(began_ms)}Z"
