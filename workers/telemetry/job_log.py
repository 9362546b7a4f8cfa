"""What a worker's log says of its jobs: a line for each, and in a busy minute one line for those beyond."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from workers.ledger.records import Claim, Settlement

log = structlog.get_logger(__name__)

#: Jobs of a minute that get a line of their own; a line for each of thousands a second would cost more than the jobs.
LINES_A_MINUTE = 100

#: More than there can be, for a log of everything.
EVERY_JOB = 2**31

MINUTE_S = 60.0

#: The states in which a job has ended, and what is said of a job by what became of it.
ENDED = ("done", "dead", "refused")
_EVENTS = {"done": "job done", "dead": "job is dead", "refused": "job is refused", "waiting": "job waits"}

#: States in which nothing became of a job: it was given back, or its queue waits, which has a line of its own.
_UNSAID = ("accepted", "blocked")


class JobLog:
    """Sees each round of work. A dead letter always has its line; the log itself counts what repeats itself."""

    def __init__(
        self, *, lines_a_minute: int = LINES_A_MINUTE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lines_a_minute = lines_a_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._start_minute()

    def _start_minute(self) -> None:
        self._began_s = self._clock()
        self._ended: Counter[str] = Counter()
        self._lines = 0
        self._oldest_s = 0.0

    def claimed(self, claims: Sequence[Claim]) -> None:
        """See what was claimed; a job has its line once something became of it."""

    def settled(self, settlements: Sequence[Settlement], seconds: float) -> None:
        """Say what became of jobs."""
        self.end_minute()
        now_ms = time.time() * 1000
        for settlement in self._count(
            [settlement for settlement in settlements if settlement.state not in _UNSAID], now_ms
        ):
            _say(settlement, seconds, now_ms)

    def _count(self, settlements: list[Settlement], now_ms: float) -> list[Settlement]:
        """Count jobs that came to something; return those that get a line of their own."""
        oldest_ms = min((settlement.claim.accepted_ms for settlement in settlements), default=now_ms)
        with self._lock:
            self._ended.update(map(_outcome, settlements))
            self._oldest_s = max(self._oldest_s, (now_ms - oldest_ms) / 1000)
            room = max(0, self._lines_a_minute - self._lines)
            with_line = [
                settlement
                for place, settlement in enumerate(settlements)
                if place < room or settlement.state == "dead"
            ]
            self._lines += len(with_line)
        return with_line

    def end_minute(self, *, now: bool = False) -> None:
        """Say what was done in a minute that is over, or in what there was of it, if not every job had its line."""
        with self._lock:
            seconds = self._clock() - self._began_s
            if seconds < MINUTE_S and not now:
                return
            ended, lines, oldest_s = self._ended, self._lines, self._oldest_s
            self._start_minute()
        total = ended.total()
        if total > lines:
            log.info(
                "a busy minute",
                done=ended["done"],
                dead=ended["dead"],
                refused=ended["refused"],
                retried=ended["waiting"],
                oldest_s=round(oldest_s, 1),
                jobs_a_second=round(total / max(seconds, 1.0), 1),
                without_a_line=total - lines,
            )


def _outcome(settlement: Settlement) -> str:
    """Return the state that the ledger shows: for a job that was put off, whatever for, waiting."""
    return settlement.state if settlement.state in ENDED else "waiting"


def _say(settlement: Settlement, seconds: float, now_ms: float) -> None:
    claim, entry, outcome = settlement.claim, settlement.entry, _outcome(settlement)
    facts: dict[str, Any] = {
        "job": claim.id,
        "kind": claim.kind,
        "queue": claim.queue,
        "entry": claim.producer,
        "sender": claim.sender,
        "trace": claim.trace,
        "wait_s": round(max(0.0, (now_ms - claim.accepted_ms) / 1000 - seconds), 3),
        "run_s": round(seconds, 3),
        "outcome": outcome,
        "event_id": entry.get("event_id"),
        "reason": entry.get("reason"),
    }
    tell = log.warning if outcome == "dead" else log.info
    tell(
        _EVENTS.get(outcome, f"job {outcome}"),
        **{name: fact for name, fact in facts.items() if fact not in ("", None)},
    )
