"""`tqctl status`: what is going on now."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import to_builtins

from producers.cli.tables import Grid, Shown
from tqctl.overview_text import doubles, queue_grid, standings, worker_grid
from tqctl.shell import ANSWER_TIMEOUT_S, Shell
from workers.core.errors import ServiceAway
from workers.core.jobs import QUEUES
from workers.core.sync_report import RunResult, last_of_each
from workers.core.text import moment, size
from workers.ledger.breakers import SERVICES, slowed_senders
from workers.ledger.ingest import Waiting, ingest_redis, is_elsewhere, waiting_for_bridge
from workers.ledger.overview import Overview, overview
from workers.ledger.signs import Worker
from workers.ledger.sync_runs import abandoned_lists, history, pending_count, waiting_runs

#: Runs of the list sync that are looked through for the last one of each collection.
RUNS = 200


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.set_defaults(run=run)
    parser.add_argument("--no-workers", action="store_true", help="leave the workers out")


def run(shell: Shell, options: Namespace) -> int:
    """Show the state of everything that the ledger knows."""
    state = overview(shell.admin.redis)
    value: dict[str, Any] = to_builtins(state)
    value["pauses"] = [{**to_builtins(pause), "said": pause.said} for pause in state.pauses]
    value["waits"] = [{**to_builtins(wait), "said": wait.said} for wait in state.waits]
    value["suspended"] = {
        name: to_builtins(why) for name in QUEUES if (why := shell.admin.suspension(name)) is not None
    }
    value["slowed"] = [
        {"sender": sender.name, "refused": sender.refused, "wait_s": sender.wait_s, "said": sender.said}
        for sender in slowed_senders(shell.admin.redis)
    ]
    value["limited"] = [{**to_builtins(group), "said": group.said} for group in state.limited]
    value["ingest"] = _ingest(shell)
    value["syncs"] = last_syncs(history(shell.admin.redis, most=RUNS))
    value["waiting_syncs"] = [
        {**to_builtins(waiting), "said": waiting.said} for waiting in waiting_runs(shell.admin.redis)
    ]
    value["held"] = pending_count(shell.admin.redis)
    value["abandoned"] = [
        {**to_builtins(item), "said": item.sentence} for item in abandoned_lists(shell.admin.redis)
    ]
    value["workers"] = None if options.no_workers else _queues_by_worker(state.alive)
    shell.show(value, lambda shown: _words(state, shown))
    return 0


def _queues_by_worker(alive: Sequence[Worker]) -> dict[str, list[str]]:
    return {worker.sign.name: worker.sign.queues for worker in alive if not worker.is_silent}


def _ingest(shell: Shell) -> dict[str, Any]:
    """Return what waits for the bridge; `away` says why that is not known, "" where it is."""
    redis = ingest_redis(shell.settings, shell.admin.redis, answer_timeout_s=ANSWER_TIMEOUT_S)
    try:
        return {**to_builtins(waiting_for_bridge(redis)), "away": ""}
    except ServiceAway as error:
        if not is_elsewhere(shell.settings):
            raise
        return {
            **to_builtins(Waiting(0, 0)),
            "away": str(error).replace("TQ_REDIS_URL", "TQ_INGEST_REDIS_URL"),
        }


def last_syncs(runs: Sequence[RunResult]) -> list[dict[str, Any]]:
    """Return the last run of each collection; `runs` are newest first."""
    return [
        {
            "collection": run.collection,
            "status": run.status,
            "kind": run.kind,
            "began_ms": run.began_ms,
            "full_ms": run.full_ms,
            "seconds": run.seconds,
            "adds": run.adds,
            "deletes": run.deletes,
            "failed": run.failed,
        }
        for run in last_of_each(runs).values()
    ]


def _words(state: Overview, value: dict[str, Any]) -> Iterator[Shown]:
    yield queue_grid(state)
    yield from standings(state)
    yield (
        f"done: {value['done_last_minute']} in the last minute, {value['done_last_hour']} in the last hour; "
        f"{value['done']} are remembered"
    )
    yield f"dead: {value['dead']}" + (" (tqctl dead list)" if value["dead"] else "")
    if value["refused"]:
        yield f"refused in the last day: {value['refused']}, as who asked was told (tqctl jobs list --state refused)"
    yield from _unaccepted(value)
    for pause in value["pauses"]:
        if pause["queue"] not in value["suspended"]:
            yield f"{pause['said']} (tqctl resume {pause['queue']} goes on)"
    for queue, why in value["suspended"].items():
        yield (
            f"{queue} paused itself at {moment(why['since_ms'])} UTC, as {why['dead']} of the last {why['of']} jobs "
            f"died; the last one: {why['reason']} (mend the cause, then tqctl resume {queue}; tqctl dead replay)"
        )
    for breaker in value["away"]:
        yield (
            f"{breaker['service']} is away since {moment(breaker['since_ms'])} UTC ({breaker['failures']} attempts, "
            f"the next after {moment(breaker['until_ms'])}): {breaker['reason']}"
        )
    for wait in value["waits"]:
        again = f"tried again at {moment(wait['until_ms'])} UTC, or now: tqctl breaker close {wait['queue']}"
        yield f"{wait['said']} ({again})"
    yield from (sender["said"] for sender in value["slowed"])
    yield from (group["said"] for group in value["limited"])
    lacking = {name: why for name, why in value["lacking"].items() if why}
    for name, why in lacking.items():
        yield f"{SERVICES[name]} is not configured: {why}"
    for sync in value["waiting_syncs"]:
        yield f"{sync['said']} (until it ends, no other of this collection starts)"
    if not value["away"] and not lacking and not value["waiting_syncs"]:
        yield "ThreatQ and LogRhythm: nothing known against them"
    if value["syncs"]:
        columns = (
            *("collection", "last sync (UTC)", "kind", "last full run (UTC)", "result"),
            *("added", "deleted", "failed lists"),
        )
        yield Grid("List sync", columns, [_sync(run) for run in value["syncs"]])
    if value["held"]:
        yield f"deletes pending approval: {value['held']} (tqctl sync held)"
    yield from (item["said"] for item in value["abandoned"])
    if value["workers"] is not None:
        yield worker_grid(state)
        yield from doubles(state)


def _unaccepted(value: dict[str, Any]) -> Iterator[str]:
    """Say what waits for an operator, for a newer worker, or for the bridge."""
    if value["quarantined"]:
        yield f"in the quarantine, as no producer could read it: {value['quarantined']} (tqctl dead list)"
    for queue in value["queues"]:
        if queue["needs_newer"]:
            yield f"{queue['name']}: a job {queue['needs_newer']} (it waits; update the workers)"
    if value["ingest"]["away"]:
        yield f"the Redis that the bridge reads: {value['ingest']['away']}"
    if value["ingest"]["messages"]:
        waiting = value["ingest"]
        slowed = (
            f" ({waiting['deferred']} of them of senders that are slowed down)" if waiting["deferred"] else ""
        )
        yield f"waiting for the Redis bridge: {waiting['messages']} messages, {size(waiting['bytes'])}{slowed}"


def _sync(run: dict[str, Any]) -> list[str]:
    counts = [str(run["adds"]), str(run["deletes"])]
    times = (moment(run["began_ms"]), run["kind"], moment(run["full_ms"] or None))
    return [run["collection"], *times, run["status"], *counts, ", ".join(run["failed"])]
