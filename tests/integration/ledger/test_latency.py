"""How long jobs took from acceptance to done: counted when they are settled, by kind and entry."""

from __future__ import annotations

import pytest
from msgspec import structs
from prometheus_client import CollectorRegistry, generate_latest
from redis import Redis

from workers.core.jobs import Job
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.latency import LAST, Latency, bound_s, latencies, of_minute
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine
from workers.ledger.records import dead, done
from workers.telemetry.collector import LedgerCollector

pytestmark = pytest.mark.integration

#: Milliseconds that a job took, and the bucket that counts it; the first by a clock that was set back.
TOOK = [(-60_000, 0), (110, 3), (1_000, 6), (55_000, 12), (4_000_000, 18), (10**10, LAST)]


def settle_after(ledger: Ledger, redis: Redis, ms: int, number: int) -> None:
    """Let a job be done as if it had been accepted so long ago."""
    ledger.accept([Job("events.create", {"payload": {"n": number}}, producer="http")])
    (claim,) = ledger.claim("events", 1)
    seconds, micros = redis.time()
    earlier = structs.replace(claim, accepted_ms=seconds * 1000 + micros // 1000 - ms)
    ledger.settle([done(earlier, {})])


@pytest.mark.parametrize(("ms", "bucket"), TOOK)
def test_a_job_is_counted_in_the_bucket_of_the_time_that_it_took(
    ledger: Ledger, redis: Redis, ms: int, bucket: int
) -> None:
    settle_after(ledger, redis, ms, 1)

    latency = latencies(redis)["events.create", "http"]

    assert latency.counts == {bucket: 1}
    assert latency.sum_s >= ms / 1000
    assert bucket == LAST or ms / 1000 <= bound_s(bucket)


def test_what_is_dead_or_put_off_has_not_taken_its_time_yet(ledger: Ledger, redis: Redis) -> None:
    ledger.accept([Job("events.create", {"payload": {}}, producer="http")])
    (claim,) = ledger.claim("events", 1)
    ledger.settle([dead(claim, "refused")])

    assert latencies(redis) == {}


def test_each_minute_knows_how_long_its_jobs_took(ledger: Ledger, redis: Redis) -> None:
    for number, ms in enumerate((110, 1_000, 55_000)):
        settle_after(ledger, redis, ms, number)

    minutes = [redis.hgetall(name) for name in redis.keys(keys.minute(0)[:-1] + "*")]

    assert sum(of_minute(fields).total for fields in minutes) == 3


def test_prometheus_gets_a_histogram_by_kind_and_entry(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    for number, ms in enumerate((-60_000, 1_000)):
        settle_after(ledger, redis, ms, number)
    registry = CollectorRegistry()
    registry.register(LedgerCollector(admin, Quarantine(redis)))

    text = generate_latest(registry).decode()

    labels = 'entry="http",kind="events.create"'
    assert f'tq_job_seconds_bucket{{{labels},le="0.025"}} 1.0' in text
    assert f'tq_job_seconds_bucket{{{labels},le="1.6"}} 2.0' in text
    assert f'tq_job_seconds_bucket{{{labels},le="+Inf"}} 2.0' in text
    assert f"tq_job_seconds_count{{{labels}}} 2.0" in text


def test_a_quantile_is_the_end_of_the_bucket_in_which_it_lies() -> None:
    latency = Latency({0: 98, 3: 1, 10: 1})

    assert [latency.quantile(share) for share in (0.5, 0.99, 1.0)] == [bound_s(0), bound_s(3), bound_s(10)]
    assert Latency().quantile(0.5) is None
