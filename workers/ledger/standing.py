"""How a queue stands: it works, it idles, or it stands still, and why. Decided from facts alone."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from workers.core.text import moment
from workers.ledger.breaker_records import Away, Pause, QueueWait

#: What a queue does now.
QueueState = Literal[
    "running",
    "idle",
    "paused",
    "no worker",
    "service away",
    "waits",
    "needs a newer worker",
    "stuck",
    "deferred",
]

#: Whether that is as it should be, worth a look, or something stands still.
Level = Literal["good", "warn", "bad"]

#: Seconds for which a ready job may wait while no worker has anything of its queue in hand: beat and workers act within
#: one or two.
READY_S = 30.0


class QueueFacts(Struct, frozen=True):
    """What is known of a queue: its jobs (`running`: in the hands of workers), who works, and what keeps it from it.

    `ready_s` is for how long the next job has been ready; `workers` counts those that live and consume it. `away` are
    the services it needs that are away; `is_configured` tells whether those are set up; `deferred_why` is what the job
    says that is due next of those that were put off.
    """

    open: int = 0
    ready: int = 0
    running: int = 0
    ready_s: float = 0.0
    workers: int = 0
    is_configured: bool = True
    needs_newer: str = ""
    deferred_why: str = ""
    pause: Pause | None = None
    wait: QueueWait | None = None
    away: tuple[Away, ...] = ()

    @property
    def deferred(self) -> int:
        """How many jobs were put off: open, not ready, and in no worker's hands."""
        return max(0, self.open - self.ready - self.running)


class Standing(Struct, frozen=True):
    """How a queue stands, whether that is well, and why it does not work; "" where it does."""

    state: QueueState
    level: Level
    why: str = ""


def standing_of(queue: str, facts: QueueFacts) -> Standing:
    """Judge a queue; what keeps it from all work comes first."""
    return _stands_still(queue, facts) or _works(facts)


def _stands_still(queue: str, facts: QueueFacts) -> Standing | None:
    level: Level = "bad" if facts.open else "warn"
    if facts.pause:
        return Standing("paused", level, facts.pause.said)
    if not facts.workers:
        why = f"no worker that lives consumes it: celery -A workers.app worker -P threads -Q {queue}"
        return Standing("no worker", "bad" if facts.is_configured or facts.open else "warn", why)
    if facts.away:
        away = facts.away[0]
        why = f"{away.service} is away since {moment(away.since_ms)} UTC: {away.reason}"
        return Standing("service away", level, why)
    if facts.wait and not facts.wait.kind:
        return Standing("waits", level, facts.wait.said)
    if facts.ready and not facts.running and facts.ready_s > READY_S:
        why = "jobs are ready and no worker takes them: is beat running, and a worker for upkeep?"
        return Standing("stuck", "bad", why)
    return None


def _works(facts: QueueFacts) -> Standing:
    if facts.wait:
        return Standing("waits", "warn", facts.wait.said)
    if facts.needs_newer:
        return Standing("needs a newer worker", "warn", f"a job {facts.needs_newer}")
    if facts.running or facts.ready:
        return Standing("running", "good")
    return Standing("deferred", "warn", facts.deferred_why) if facts.deferred else Standing("idle", "good")
