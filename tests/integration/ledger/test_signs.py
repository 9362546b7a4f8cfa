"""Signs of life in a real Redis: who lives, with what in hand, and what clocks that jump do to it."""

from __future__ import annotations

import time

import pytest
from redis import Redis

from workers.core.jobs import Job
from workers.leases import Leases
from workers.ledger import keys
from workers.ledger.ledger import Ledger
from workers.ledger.overview import Overview, overview
from workers.ledger.records import waiting
from workers.ledger.signs import MOST_JOBS, MOST_WORKERS, SHOWN_S, Sign, give_end, give_sign
from workers.telemetry.sign_of_life import SignOfLife

pytestmark = pytest.mark.integration


def states(redis: Redis) -> dict[str, str]:
    return {queue.name: queue.standing.state for queue in overview(redis).queues}


def events(state: Overview) -> tuple[int, int, int, int]:
    queue = state.queues[0]
    return queue.open, queue.ready, queue.running, queue.deferred


def move(redis: Redis, seconds: float) -> None:
    """Let every sign have been given so many seconds earlier by Redis' clock."""
    for member, at_ms in redis.zrange(keys.WORKERS, 0, -1, withscores=True):
        redis.zadd(keys.WORKERS, {member: at_ms - seconds * 1000})


def test_a_queue_without_a_worker_says_so_until_one_gives_a_sign(redis: Redis) -> None:
    assert set(states(redis).values()) == {"no worker"}
    give_sign(redis, Sign("w@h", "1", queues=["events", "upkeep"]))
    assert states(redis) == {
        "events": "idle",
        "enrichment": "no worker",
        "sync": "no worker",
        "upkeep": "idle",
    }
    give_end(redis, Sign("w@h", "1"))
    assert set(states(redis).values()) == {"no worker"}
    assert overview(redis).alive == []


def test_a_worker_tells_what_it_has_in_hand_and_how_old_that_is(
    redis: Redis, redis_url: str, ledger: Ledger
) -> None:
    # Given a worker with twelve of fifteen jobs in hand, and one that was put off
    ledger.accept([Job("events.create", {"payload": {"n": n}}, producer="cli") for n in range(15)])
    (put_off,) = ledger.claim("events", 1)
    ledger.settle([waiting(put_off, "ThreatQ answers 429", 60)])
    leases = Leases(ledger)
    claims = ledger.claim("events", 12)
    sign = SignOfLife(redis_url, leases.in_hand)
    with leases.renewing(claims):
        # When it gives a sign
        sign.give("w@h", ["events"], 4)
    # Then it is shown with all of them, the oldest by name
    state = overview(redis)
    (worker,) = state.alive
    assert (worker.sign.in_hand, len(worker.sign.jobs)) == ({"events": 12}, MOST_JOBS)
    assert (worker.sign.threads, worker.sign.queues) == (4, ["events"])
    assert {job.id for job in worker.sign.jobs} < {claim.id for claim in claims}
    assert all(0 <= job.age_s < 60 for job in worker.sign.jobs)
    # And the queue counts what runs, what waits for a worker, and what was put off
    assert events(state) == (15, 2, 12, 1)
    assert state.queues[0].standing.state == "running"
    sign.give("w@h", ["events"], 4)
    assert overview(redis).alive[0].sign.in_hand == {}


def test_a_queue_whose_jobs_were_put_off_says_why(redis: Redis, ledger: Ledger) -> None:
    give_sign(redis, Sign("w@h", "1", queues=["events"]))
    ledger.accept([Job("events.create", {"payload": {}}, producer="cli")])
    ledger.settle([waiting(claim, "ThreatQ answers 429", 60) for claim in ledger.claim("events", 1)])
    standing = overview(redis).queues[0].standing
    assert (standing.state, standing.level, standing.why) == ("deferred", "warn", "ThreatQ answers 429")


def test_a_worker_that_was_killed_is_shown_as_silent_and_then_forgotten(redis: Redis) -> None:
    give_sign(redis, Sign("w@h", "1", queues=["events"]))
    move(redis, 60)
    (worker,) = overview(redis).alive
    assert worker.is_silent
    assert 60 <= worker.silent_s < 120
    assert states(redis)["events"] == "no worker"
    # Another one's sign takes it out of the list once it has been silent for long
    move(redis, SHOWN_S)
    give_sign(redis, Sign("other@h", "1"))
    assert [worker.sign.name for worker in overview(redis).alive] == ["other@h"]


def test_two_workers_of_one_name_are_two(redis: Redis) -> None:
    for instance, queues in (("1", ["events"]), ("2", ["events", "sync"])):
        give_sign(redis, Sign("w@h", instance, queues=queues))
    state = overview(redis)
    assert [worker.sign.instance for worker in state.alive] == ["1", "2"]
    assert {queue.name: queue.workers for queue in state.queues} == {
        "events": 2,
        "enrichment": 0,
        "sync": 1,
        "upkeep": 0,
    }


def test_a_clock_of_redis_that_was_set_back_brings_no_dead_worker_to_life(redis: Redis) -> None:
    # Given a dead worker and a living one, whose signs are an hour ahead since Redis' clock went back
    for name in ("dead@h", "living@h"):
        give_sign(redis, Sign(name, "1", queues=["events"]))
    move(redis, -3600)
    assert [worker.is_silent for worker in overview(redis).alive] == [True, True]
    # When the living one gives its next sign
    give_sign(redis, Sign("living@h", "1", queues=["events"]))
    # Then it alone lives
    assert [(worker.sign.name, worker.is_silent) for worker in overview(redis).alive] == [("living@h", False)]


def test_the_clock_of_a_worker_counts_for_nothing(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)
    SignOfLife(redis_url, lambda: []).give("w@h", ["events"], 1)
    assert not overview(redis).alive[0].is_silent


def test_what_is_kept_of_workers_has_a_bound_and_expires(redis: Redis) -> None:
    for number in range(MOST_WORKERS + 5):
        give_sign(redis, Sign(f"w{number}@h", "1"))
    assert redis.zcard(keys.WORKERS) == MOST_WORKERS
    names = [keys.WORKERS, *redis.keys(keys.worker("*"))]
    assert all(0 < redis.pttl(name) <= SHOWN_S * 1000 for name in names)


def test_a_sign_that_a_newer_version_wrote_otherwise_is_left_out(redis: Redis) -> None:
    give_sign(redis, Sign("w@h", "1"))
    redis.set(keys.worker("w@h 1"), b'{"name": ["several"]}')
    assert overview(redis).alive == []


def test_a_redis_that_is_away_costs_a_sign_and_nothing_else() -> None:
    sign = SignOfLife("redis://127.0.0.1:1/0", lambda: [])
    sign.give("w@h", ["events"], 1)
    sign.end("w@h")
    assert sign
