"""What needs a person: from the state of the system to findings, each with what to do. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from msgspec import Struct

from workers.core.sync_report import RunResult, last_of_each
from workers.core.text import age, counted, moment
from workers.ledger.breaker_records import Pause
from workers.ledger.breakers import SERVICES
from workers.ledger.groups import GroupState
from workers.ledger.overview import Overview
from workers.ledger.sync_runs import WaitingRun
from workers.notices.notice import Finding

#: Milliseconds for which a run of the list sync may come no further before that is a finding.
STUCK_MS = 1_800_000

#: Share of `memory_percent` from which on Redis counts as near full: producers refuse at the whole of it.
NEAR = 0.85


class Expiry(Struct, frozen=True):
    """A certificate or a token, and when it ends (ms since 1970)."""

    name: str
    ends_ms: float


class Situation(Struct, frozen=True):
    """The system at one moment.

    `suspended` are the queues that the ledger paused by itself, `pending` counts the deletes that wait for approval,
    `runs` are the last ones of the list sync, newest first; `memory` is what Redis uses and may use, in bytes (0: no
    limit).
    """

    overview: Overview
    suspended: frozenset[str] = frozenset()
    pending: int = 0
    runs: Sequence[RunResult] = ()
    waiting: Sequence[WaitingRun] = ()
    memory: tuple[int, int] = (0, 0)
    expiries: Sequence[Expiry] = ()


class Limits(Struct, frozen=True):
    """From when on something is a finding, times in ms; `sync_ms` is the pause between two syncs, 0 for no schedule."""

    away_ms: float
    sync_ms: float
    expiry_ms: float
    memory_percent: float


def findings(situation: Situation, limits: Limits) -> list[Finding]:
    """Return what needs a person now."""
    now_ms = situation.overview.at_ms
    return [
        *_dead(situation.overview.dead),
        *_paused(situation),
        *_pending(situation.pending),
        *_overdue(situation.runs, situation.waiting, now_ms, limits.sync_ms),
        *_failed(_current(situation.runs, limits.sync_ms)),
        *_away(situation.overview, limits.away_ms),
        *_full(situation.memory, limits.memory_percent),
        *_ending(situation.expiries, now_ms, limits.expiry_ms),
        *_limited(situation.overview.limited),
    ]


def _dead(count: int) -> Iterator[Finding]:
    if count:
        yield Finding(
            "dead_letters",
            "",
            count,
            counted(count, "dead letter"),
            f"{counted(count, 'job')} died and will not be tried again.",
            "tqctl dead list tells why; then edit, replay or drop.",
            "/jobs?list=dead",
        )


def _paused(situation: Situation) -> Iterator[Finding]:
    pauses = {pause.queue: pause for pause in situation.overview.pauses}
    for queue in situation.overview.queues:
        if not queue.paused:
            continue
        by_itself, pause = queue.name in situation.suspended, pauses.get(queue.name, Pause(queue.name))
        since = f" at {moment(pause.since_ms)} UTC" if pause.since_ms else ""
        # Not the reason of the ledger, which quotes a job; who paused it by hand gave one, which the page shows.
        why = f"{pause.by or 'An operator'} paused it{since}."
        if by_itself:
            why = f"It paused itself{since}, as nearly all of its jobs died."
        remedy = f"tqctl resume {queue.name} goes on."
        yield Finding(
            "paused_queue",
            queue.name,
            queue.open,
            f"Queue {queue.name} is paused",
            f"{why} {counted(queue.open, 'job')} of it {'waits' if queue.open == 1 else 'wait'}.",
            f"Mend the cause (tqctl status names it), then {remedy}" if by_itself else remedy,
        )


def _pending(count: int) -> Iterator[Finding]:
    if count:
        yield Finding(
            "pending_approvals",
            "",
            count,
            f"Deletes of {counted(count, 'list')} wait for approval",
            "A sync would delete more than it may without being asked.",
            "tqctl sync held shows them; tqctl sync approve, or correct the data collection.",
            "/syncs",
        )


def _overdue(
    runs: Sequence[RunResult], waiting: Sequence[WaitingRun], now_ms: int, sync_ms: float
) -> Iterator[Finding]:
    stuck = {run.collection: run.since_ms for run in waiting if now_ms - run.since_ms > STUCK_MS}
    for collection, since_ms in stuck.items():
        text = f"Its run has come no further since {moment(since_ms)} UTC, and no other starts meanwhile."
        yield _of_sync(collection, text)
    done = {run.collection: run.ended_ms for run in reversed(runs) if run.status == "done"}
    for collection in _current(runs, sync_ms) if sync_ms else ():
        ended_ms = done.get(collection, 0.0)
        pause_ms = _pause_ms(runs, collection, sync_ms)
        if ended_ms and now_ms - ended_ms > 2 * pause_ms and collection not in stuck:
            yield _of_sync(collection, f"No run of it has gone well since {moment(ended_ms)} UTC.")


def _of_sync(collection: str, text: str) -> Finding:
    title = f"The sync of {collection or 'all collections'} is overdue"
    return Finding(
        "sync_overdue", collection, 1, title, text, "tqctl status tells what it waits for.", "/syncs"
    )


def _failed(last: dict[str, RunResult]) -> Iterator[Finding]:
    for collection, run in last.items():
        if count := len(run.failed):
            yield Finding(
                "sync_failed",
                collection,
                count,
                f"{counted(count, 'list')} of {collection} could not be synced",
                f"The last run ended at {moment(run.ended_ms)} UTC.",
                "tqctl sync history --lists names each list and the reason.",
                "/syncs",
            )


def _current(runs: Sequence[RunResult], sync_ms: float) -> dict[str, RunResult]:
    """Return the last run of each collection that is still synced: the others lie far behind the newest run."""
    real = [run for run in runs if not run.is_planned]
    newest_ms = max((run.began_ms for run in real), default=0)
    return {
        name: run
        for name, run in last_of_each(real).items()
        if newest_ms - run.began_ms <= (2 * _pause_ms(real, name, sync_ms) or newest_ms)
    }


def _pause_ms(runs: Sequence[RunResult], collection: str, sync_ms: float) -> float:
    """Return the usual pause between two runs of a collection: beat's schedule may be another than the setting."""
    began = sorted(run.began_ms for run in runs if run.collection == collection)
    return (
        max(sync_ms, median(later - earlier for earlier, later in pairwise(began))) if began[1:] else sync_ms
    )


def _away(overview: Overview, away_ms: float) -> Iterator[Finding]:
    for breaker in overview.away:
        if overview.at_ms - breaker.since_ms >= away_ms:
            yield Finding(
                "service_away",
                breaker.service,
                breaker.failures,
                f"{SERVICES[breaker.service]} is away",
                f"No call to it has gone well since {moment(breaker.since_ms)} UTC "
                f"({counted(breaker.failures, 'attempt')}). Jobs wait and none is lost.",
                "tqctl status tells the reason; jobs go on by themselves once it answers.",
            )


def _full(memory: tuple[int, int], memory_percent: float) -> Iterator[Finding]:
    used, most = memory
    percent = round(100 * used / most) if most else 0
    if percent >= NEAR * memory_percent:
        yield Finding(
            "redis_full",
            "",
            percent,
            "Redis is near full",
            f"{percent} % of its maxmemory is in use; above {memory_percent:g} % producers refuse.",
            "tqctl capacity shows what fills it and what frees it.",
        )


def _limited(groups: Sequence[GroupState]) -> Iterator[Finding]:
    for group in groups:
        yield Finding(
            "source_limited",
            group.source,
            group.count,
            f"Source {group.source} was limited, {counted(group.count, 'firing')}",
            f"Since {moment(group.since_ms)} UTC, above its limit. None is lost: event {group.event} counts them.",
            "See what that source sends so often, or raise TQ_RATE_LIMITS.",
        )


def _ending(expiries: Sequence[Expiry], now_ms: int, expiry_ms: float) -> Iterator[Finding]:
    for expiry in expiries:
        left_ms = expiry.ends_ms - now_ms
        if left_ms > expiry_ms:
            continue
        is_over = left_ms <= 0
        yield Finding(
            "expiry",
            expiry.name,
            max(0, int(left_ms // 86_400_000)),
            f"{expiry.name} {'has ended' if is_over else 'ends in ' + age(left_ms / 1000)}",
            f"{'It ended' if is_over else 'It ends'} at {moment(expiry.ends_ms)} UTC.",
            "Make a new one, and set it before that; then restart what uses it.",
        )
