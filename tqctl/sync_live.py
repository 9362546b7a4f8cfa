"""`tqctl sync watch` and `tqctl sync cancel`: runs that are under way, on whichever host."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from producers.cli.console import AWAY, DONE, note
from producers.cli.follow import End, Follow
from producers.cli.sync_report import ALL, as_json, code_of, show
from tqctl.shell import Shell
from workers.core.errors import InputError
from workers.core.text import moment
from workers.ledger.connection import now_ms
from workers.ledger.sync_cancels import cancel as cancel_run
from workers.ledger.sync_runs import OpenRun, open_runs


def add_watch_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments of `watch`."""
    parser.add_argument(
        "which", metavar="RUN", nargs="?", default="", help="a job or a data collection (default: all)"
    )
    parser.set_defaults(run=watch)


def add_cancel_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments of `cancel`."""
    parser.add_argument("which", metavar="RUN", help="a job or a data collection")
    parser.add_argument("--no-wait", action="store_true", help="do not wait until it has ended")
    parser.set_defaults(run=cancel)


def watch(shell: Shell, options: Namespace) -> int:
    """Follow runs to their end; the exit code is theirs, as tq-conn-logrhythm's."""
    runs = open_runs(shell.admin.redis)
    if options.which:
        runs = [_named(runs, options.which)]
    if not runs:
        note("no run is under way")
        return DONE
    ends = _follow(shell, runs)
    return max(map(code_of, ends))


def cancel(shell: Shell, options: Namespace) -> int:
    """Let a run end at its next safe point and say what it wrote; code 3 where it has not ended yet."""
    redis = shell.admin.redis
    run = _named(open_runs(redis), options.which)
    cancel_run(redis, run.job, run.collection, shell.audit)
    if options.no_wait:
        shell.show(
            {"job": run.job, "collection": run.collection},
            lambda v: [f"{v['collection'] or ALL}: job {v['job']} ends at its next safe point"],
        )
        return DONE
    (end,) = _follow(shell, [run])
    if end.state in ("done", "dead"):
        return DONE
    note(f"{run.collection or ALL}: it is marked, and ends as soon as a worker of the queue sync takes it")
    return AWAY


def _named(runs: Sequence[OpenRun], name: str) -> OpenRun:
    """Return the run of this job or collection; raises InputError with those that there are."""
    for run in runs:
        if name in (run.job, run.collection):
            return run
    known = ", ".join(f"{run.collection or ALL} ({run.job})" for run in runs)
    raise InputError(f"no run of {name!r} is under way; there are {known or 'none'}", field="RUN")


def _follow(shell: Shell, runs: Sequence[OpenRun]) -> list[End]:
    if not shell.as_json:
        for run in runs:
            note(_sentence(run))
    # A dry run of a collection may be beside its run.
    jobs = {f"{run.collection or ALL}{' (dry run)' if run.dry_run else ''}": run.job for run in runs}
    since_ms = now_ms(shell.admin.redis)
    ends = Follow(shell.admin, jobs, since_ms=since_ms, quiet=shell.as_json).to_the_end()
    for end in ends:
        if shell.as_json:
            print(as_json(shell.admin, end))
        else:
            show(shell.admin, end)
    return ends


def _sentence(run: OpenRun) -> str:
    by = f" by {run.sender}" if run.sender else ""
    where = f"on {run.host}" if run.host else "not begun"
    kind = "dry run" if run.dry_run else "run"
    return f"{run.collection or ALL}: {kind} {run.job}, started{by} at {moment(run.accepted_ms)}Z, {where}, {run.state}"
