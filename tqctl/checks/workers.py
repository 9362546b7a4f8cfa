"""The workers and beat: does a worker consume each queue, and does upkeep look at what is due?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tqctl.checks.line import CheckLine, failed, ok, warning
from tqctl.queues import queues_by_worker
from workers.core.text import age
from workers.ledger.admin import LedgerAdmin
from workers.ledger.dead_retention import DeadRetention
from workers.ledger.overview import Overview, overview
from workers.settings.model import Settings

AREA = "workers"

#: Seconds of silence after which upkeep is taken for dead; it runs each second.
SILENT_S = 15.0

_START = "start one: tqctl up --production, or celery -A workers.app worker -P threads -Q {queue}"


def check_workers(admin: LedgerAdmin, settings: Settings) -> Iterator[CheckLine]:
    """Ask who works; raises ServiceAway("redis")."""
    state = overview(admin.redis)
    workers = queues_by_worker(settings.redis_url)
    yield from judge(state, workers)
    if soon := DeadRetention(admin.redis, settings).warning(state.at_ms):
        yield warning(AREA, "retention", soon, "tqctl dead list; replay what is still wanted")


def judge(state: Overview, workers: Mapping[str, Sequence[str]]) -> Iterator[CheckLine]:
    """Judge what was seen of the queues, and the queues that each worker consumes."""
    pauses = {pause.queue: pause.said for pause in state.pauses}
    for queue in state.queues:
        names = sorted(name for name, queues in workers.items() if queue.name in queues)
        if queue.paused:
            finding = f"{pauses[queue.name]}; {queue.open} jobs wait"
            yield warning(AREA, queue.name, finding, f"tqctl resume {queue.name} goes on")
        elif names:
            yield ok(AREA, queue.name, f"{', '.join(names)}; {queue.open} open jobs")
        else:
            yield failed(
                AREA, queue.name, f"no worker; {queue.open} jobs wait", _START.format(queue=queue.name)
            )
    yield from _newer(state)
    yield _beat(state.upkeep_s, bool(workers))
    if state.dead:
        yield warning(
            AREA,
            "dead letters",
            f"{state.dead} wait for an operator",
            "tqctl dead list, then edit, replay or drop",
        )
    else:
        yield ok(AREA, "dead letters", "none")
    yield _quarantine(state.quarantined)


def _newer(state: Overview) -> Iterator[CheckLine]:
    """Judge the queues in which jobs wait for a newer worker."""
    for queue in state.queues:
        if queue.needs_newer:
            yield warning(
                AREA,
                f"{queue.name}: version",
                f"jobs wait: a job {queue.needs_newer}",
                "update the workers of the queue; the jobs go on by themselves",
            )


def _quarantine(count: int) -> CheckLine:
    if not count:
        return ok(AREA, "quarantine", "empty")
    return warning(
        AREA,
        "quarantine",
        f"{count} that no producer could read wait for an operator",
        "tqctl dead list, then edit, replay or drop",
    )


def _beat(silent_s: float | None, has_workers: bool) -> CheckLine:
    if silent_s is not None and silent_s <= SILENT_S:
        return ok(AREA, "beat", f"upkeep ran {age(silent_s)} ago")
    finding = "upkeep never ran" if silent_s is None else f"upkeep has been silent for {age(silent_s)}"
    start = "celery -A workers.app beat" + ("" if has_workers else ", and a worker for upkeep")
    return failed(AREA, "beat", f"{finding}: what was put off is not tried again", f"start {start}")
