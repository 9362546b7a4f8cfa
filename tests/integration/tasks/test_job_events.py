"""What a reader of Celery's events, such as Flower, has of our jobs."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from celery import Celery
from celery.events.state import State

from workers.core.results import EventResult, Failure
from workers.ledger.records import Claim, Settlement, dead, done, waiting
from workers.tasks.job_events import Amount, JobEvents

pytestmark = pytest.mark.integration


def claim(number: int) -> Claim:
    return Claim(
        id=f"{number:024x}", kind="events.create", queue="events", producer="http", title="CreateUser 1.2.3.4",
        trace="", accepted_ms=1_000_000, attempts=1, lost=0, solo_failures=0, token="t", body=b"",
    )  # fmt: skip


def seen_by_flower(redis_url: str, amount: Amount, settlements: list[Settlement]) -> dict[str, Any]:
    """Return the tasks that a reader of Celery's events has of a round of work, after the last of its events."""
    app, state = Celery(broker=redis_url, set_as_current=False), State()
    with app.connection() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": state.event})
        with receiver.consumer_context() as (listening, *_):
            # It listens once it has waited for something.
            read_all(listening)
            events = JobEvents(app, "worker@host", amount)
            events.claimed([settlement.claim for settlement in settlements])
            events.settled(settlements, 0.5)
            # As a worker's heartbeat does.
            events.send()
            read_all(listening)
    app.close()
    return dict(state.tasks)


def read_all(connection: Any) -> None:
    """Read what was published, until nothing comes for a while."""
    with suppress(TimeoutError):
        while True:
            connection.drain_events(timeout=0.5)


ROUND = [
    done(claim(1), EventResult(7)),
    dead(claim(2), Failure("no such event type", error="Rejected")),
    waiting(claim(3), "the service is away", 5.0),
]


@pytest.mark.parametrize("together", [True, False])
def test_each_job_is_a_task_with_all_its_times_whether_it_came_alone_or_in_a_batch(
    redis_url: str, together: bool
) -> None:
    rounds = [ROUND] if together else [[settlement] for settlement in ROUND]
    tasks = {name: task for part in rounds for name, task in seen_by_flower(redis_url, "all", part).items()}
    well, badly, later = (tasks[f"{number:024x}"] for number in (1, 2, 3))
    assert {(task.name, task.worker.hostname, task.args) for task in tasks.values()} == {
        ("events.create", "worker@host", "('CreateUser …',)")
    }
    # accepted, then begun, then ended
    assert all(task.received == 1_000 for task in tasks.values())
    assert all(task.received < task.started <= task.timestamp for task in tasks.values())
    assert (well.state, well.result, well.runtime) == ("SUCCESS", "{'event_id': 7}", 0.5)
    assert (badly.state, badly.exception) == ("FAILURE", "Rejected('no such event type')")
    assert (later.state, later.exception) == ("RETRY", "waiting('the service is away')")


def test_with_failures_only_dead_letters_are_told_of_and_with_off_nothing(redis_url: str) -> None:
    assert [task.state for task in seen_by_flower(redis_url, "failures", ROUND).values()] == ["FAILURE"]
    assert seen_by_flower(redis_url, "off", ROUND) == {}
