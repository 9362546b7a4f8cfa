"""How a queue stands: what is known of it, and the verdict."""

from __future__ import annotations

import pytest

from workers.ledger.breaker_records import Away, Pause, QueueWait
from workers.ledger.signs import Sign, Worker, shared_names
from workers.ledger.standing import READY_S, QueueFacts, standing_of

AWAY = (Away("threatq", "it answers 503", 0, 1, 3),)
WAIT = QueueWait("events", "", "the connector is disabled", 0, 1, 2)
ONE_KIND = QueueWait("events", "events.create", "the connector is disabled", 0, 1, 2)


@pytest.mark.parametrize(
    ("facts", "state", "level"),
    [
        # Workers have jobs in hand, or will in a moment.
        (QueueFacts(workers=1, open=3, running=3), "running", "good"),
        (QueueFacts(workers=1, open=3, ready=3, ready_s=1), "running", "good"),
        (QueueFacts(workers=1, open=9, ready=8, running=1, ready_s=READY_S * 9), "running", "good"),
        (QueueFacts(workers=1), "idle", "good"),
        # Nothing moves: red where jobs wait, else worth a look.
        (QueueFacts(workers=1, open=1, ready=1, ready_s=READY_S + 1), "stuck", "bad"),
        (QueueFacts(workers=1, pause=Pause("events")), "paused", "warn"),
        (QueueFacts(workers=1, pause=Pause("events"), open=1), "paused", "bad"),
        (QueueFacts(workers=1, away=AWAY), "service away", "warn"),
        (QueueFacts(workers=1, away=AWAY, open=1), "service away", "bad"),
        (QueueFacts(workers=1, wait=WAIT, open=1), "waits", "bad"),
        # Without a worker nothing will be done: red before the first job, unless what it needs is not set up.
        (QueueFacts(), "no worker", "bad"),
        (QueueFacts(is_configured=False), "no worker", "warn"),
        (QueueFacts(is_configured=False, open=1), "no worker", "bad"),
        # Some jobs wait, others are done.
        (QueueFacts(workers=1, wait=ONE_KIND, open=1), "waits", "warn"),
        (QueueFacts(workers=1, needs_newer="needs a newer worker"), "needs a newer worker", "warn"),
        (QueueFacts(workers=1, open=2), "deferred", "warn"),
    ],
)
def test_the_verdict_on_a_queue(facts: QueueFacts, state: str, level: str) -> None:
    standing = standing_of("events", facts)
    assert (standing.state, standing.level) == (state, level)


def test_what_stands_still_says_why() -> None:
    away = standing_of("events", QueueFacts(workers=1, away=AWAY, open=1))
    assert away.why == "threatq is away since 1970-01-01 00:00:00 UTC: it answers 503"
    assert standing_of("events", QueueFacts(workers=1, open=1, deferred_why="429")).why == "429"
    assert "-Q events" in standing_of("events", QueueFacts()).why


def test_jobs_that_are_neither_ready_nor_in_a_workers_hands_were_put_off() -> None:
    assert QueueFacts(open=9, ready=2, running=3).deferred == 4
    # A worker may have settled a job since it told of it.
    assert QueueFacts(open=1, ready=0, running=3).deferred == 0


def test_only_living_workers_share_a_name() -> None:
    named = [Worker(Sign("a@h", "1"), 1), Worker(Sign("a@h", "2"), 1), Worker(Sign("b@h", "3"), 1)]
    assert shared_names([*named, Worker(Sign("b@h", "4"), 99)]) == ["a@h"]
