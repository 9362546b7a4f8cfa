"""A queue whose jobs can do nothing as things are set: it waits as a whole, and nothing is written for each job."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from redis import Redis

from tests.support.consumer_stage import accept, number
from tests.support.sandbox_threatq import SandboxThreatQ
from workers.consumer import Handle, QueueHandler, consume
from workers.core.errors import ConfigError, MissingRights, Rejected, ServiceAway
from workers.core.jobs import Job
from workers.events.handler import make_enabled
from workers.leases import Attempt, Leases
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.breaker_records import QueueWait
from workers.ledger.breakers import open_breakers
from workers.ledger.ledger import Ledger
from workers.ledger.records import Settlement, deferred, done
from workers.runtime import Runtime
from workers.tasks.queue import needed_by_all
from workers.threatq.connector import PATH

pytestmark = pytest.mark.integration

#: What a check may write: the claim of one job, its return, and the breaker.
WRITES_A_CHECK = 30


class Switch:
    """Handles claims of a queue in which payloads wait while the connector is disabled; notes what it was given."""

    def __init__(self, *, enabled: bool = False) -> None:
        self.enabled = enabled
        self.given: list[list[str]] = []

    def __call__(self, attempt: Attempt) -> list[Settlement]:
        self.given.append([claim.kind for claim in attempt.claims])
        waits = [] if self.enabled else attempt.block("the connector is disabled", "events.create")
        waiting = {settlement.claim.id for settlement in waits}
        return waits + [done(claim, {}) for claim in attempt.claims if claim.id not in waiting]


@pytest.fixture
def work(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Callable[[Handle], int]:
    """Works on the queue until nothing is ready."""
    monkeypatch.setattr("workers.consumer.WAKE_UP_S", 600.0)
    return lambda handle: consume(QueueHandler("events", handle, 100), ledger, Leases(ledger))


def check_is_due(redis: Redis) -> None:
    """Let half a minute pass for the queue."""
    redis.hset(keys.away("events"), "until", 0)


def sightings(ledger: Ledger, count: int, first: int = 0) -> list[str]:
    """Accept alarms of LogRhythm."""
    jobs = [
        Job("sightings.add", {"alarm_id": str(number), "alarm_name": "Rule"}, producer="smart-response")
        for number in range(first, first + count)
    ]
    return [answer.id for answer in ledger.accept(jobs)]


def wait_of(redis: Redis) -> QueueWait | None:
    """Return why the queue events waits."""
    return next((wait for wait in open_breakers(redis)[1] if wait.queue == "events"), None)


def writes(redis: Redis) -> int:
    """Return how many changes Redis has made."""
    return int(redis.info("persistence")["rdb_changes_since_last_save"])


def taken(redis: Redis) -> int:
    """Return the bytes that all keys take, without what the server needs for itself."""
    return sum(int(redis.memory_usage(key) or 0) for key in redis.scan_iter(count=1000))


def handle_events(runtime: Runtime, attempt: Attempt) -> list[Settlement]:
    """Do what the queue's task does."""
    with needed_by_all():
        page = runtime.page()
        return make_enabled(attempt, runtime.threatq, page, runtime.dialect(page))


def test_a_thousand_payloads_wait_for_a_disabled_connector_without_a_write_each(
    runtime: Runtime,
    redis: Redis,
    ledger: Ledger,
    admin: LedgerAdmin,
    threatq_sandbox: SandboxThreatQ,
    work: Callable[[Handle], int],
) -> None:
    # Given a thousand payloads and a connector that is disabled in ThreatQ
    payload = {"event_type": "Malware", "event_happened_at": "2026-01-02T03:04:05Z"}
    jobs = [
        Job("events.create", {"payload": {**payload, "event_name": f"event {number}"}}, producer="cli")
        for number in range(1000)
    ]
    ids = [answer.id for answer in ledger.accept(jobs)]
    handle = partial(handle_events, runtime)
    # When it stays so for an hour of checks
    work(handle)
    before, memory, calls = (
        writes(redis),
        taken(redis),
        threatq_sandbox.calls(),
    )
    for _ in range(120):
        check_is_due(redis)
        assert work(handle) == 1
    # Then each check has cost one call of ThreatQ's and some writes, and no memory
    assert writes(redis) - before <= 120 * WRITES_A_CHECK
    # A few pages of the allocator at most; a note of each check would be 100 kB.
    assert taken(redis) - memory < 8_192
    path = f"GET {PATH}"
    assert threatq_sandbox.calls()[path] - calls[path] == 120
    # And nothing is noted of any job
    assert not any(record.history for record in admin.records(ids))
    assert sum(redis.exists(keys.progress(job_id)) for job_id in ids) <= 101
    # When it is enabled
    page = runtime.events_connector.page()
    runtime.threatq.caller.call("PUT", f"{PATH}/{page.id}", json={"is_active": True})
    check_is_due(redis)
    work(handle)
    # Then all of it is done with the next check, by the first attempt
    assert admin.open_jobs()["events"] == 0
    assert {record.attempts for record in admin.records(ids)} == {1}
    assert threatq_sandbox.get("/api/events")["total"] == 1000
    assert wait_of(redis) is None


def test_what_waits_is_said_with_queue_kind_and_reason(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin, work: Callable[[Handle], int]
) -> None:
    (job_id,) = accept(ledger, 1)
    (sighting,) = sightings(ledger, 1)
    work(Switch())
    wait = wait_of(redis)
    assert wait is not None
    assert wait.said.startswith("queue events (events.create) waits since 20")
    assert wait.said.endswith(" UTC: the connector is disabled")
    # And each job that waits for it says so, and no other
    payload, alarm = admin.records([job_id, sighting])
    assert (payload.state, payload.reason) == ("accepted", wait.said)
    assert (alarm.state, alarm.reason) == ("done", "")


def test_jobs_of_another_kind_go_on_past_all_that_wait(
    ledger: Ledger, redis: Redis, work: Callable[[Handle], int]
) -> None:
    # Given more payloads than are looked at together, many of them accepted at one moment
    handle = Switch()
    accept(ledger, 1200)
    early = sightings(ledger, 3)
    work(handle)
    # Then what is behind them is done meanwhile
    assert redis.zcard(keys.due("events")) == 1200
    # When more of both come
    ledger.accept([Job("events.create", {"payload": {"late": n}}, producer="cli") for n in range(50)])
    late = sightings(ledger, 150, first=100)
    handle.given.clear()
    work(handle)
    # Then the new alarms are done, and no payload was given out for that
    assert {kind for kinds in handle.given for kind in kinds} == {"sightings.add"}
    assert redis.zcard(keys.due("events")) == 1250
    assert all(redis.zscore(keys.DONE, job_id) for job_id in [*early, *late])


def test_what_waits_is_looked_at_once(ledger: Ledger, redis: Redis, work: Callable[[Handle], int]) -> None:
    # Given payloads that were all found to wait
    accept(ledger, 5000)
    work(Switch())
    for _ in range(2):
        ledger.claim("events", 100)
    # When a worker looks for other work
    redis.config_resetstat()
    assert ledger.claim("events", 100) == []
    # Then it reads none of them again
    assert "cmdstat_getrange" not in redis.info("commandstats")
    # And none is woken for
    redis.delete(keys.wake_ups("events"))
    assert ledger.wake("events") == 0


def test_a_job_of_another_kind_that_was_put_off_is_found_when_it_is_due(
    ledger: Ledger, redis: Redis, work: Callable[[Handle], int]
) -> None:
    # Given a sighting that ThreatQ was away for, and payloads that wait
    (sighting,) = sightings(ledger, 1)
    (claim,) = ledger.claim("events", 1)
    accept(ledger, 300)
    work(Switch())
    ledger.settle([deferred(claim, "503", 0, service="threatq")])
    # When it is due again
    handle = Switch()
    work(handle)
    # Then it is done
    assert handle.given == [["sightings.add"]]
    assert redis.zscore(keys.DONE, sighting)


def test_one_payload_tries_it_and_the_others_follow_when_it_is_done(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin, work: Callable[[Handle], int]
) -> None:
    accept(ledger, 300)
    handle = Switch()
    work(handle)
    handle.given.clear()
    # When it is still disabled at the next check
    check_is_due(redis)
    work(handle)
    assert handle.given == [["events.create"]]
    # And enabled at the one after it
    handle.enabled = True
    check_is_due(redis)
    work(handle)
    # Then one goes ahead, and all others follow
    assert [len(kinds) for kinds in handle.given] == [1, 1, 100, 100, 99]
    assert admin.open_jobs()["events"] == 0


def test_while_one_tries_it_no_other_payload_is_claimed_and_its_killed_worker_ends_the_try(
    ledger: Ledger, redis: Redis, work: Callable[[Handle], int]
) -> None:
    accept(ledger, 10)
    work(Switch())
    check_is_due(redis)
    (probe,) = ledger.claim("events", 100)
    assert ledger.claim("events", 100) == []
    wait = wait_of(redis)
    assert wait is not None
    assert wait.probe == probe.id
    # When its worker never ends it, and its lease runs out
    check_is_due(redis)
    assert len(ledger.claim("events", 100)) == 1


def test_a_service_that_is_away_while_it_is_tried_leaves_the_queue_waiting(
    ledger: Ledger, redis: Redis, work: Callable[[Handle], int]
) -> None:
    # Given payloads that wait for a connector
    accept(ledger, 10)
    work(Switch())
    check_is_due(redis)

    def away(attempt: Attempt) -> list[Settlement]:
        raise ServiceAway("threatq", "GET /api/connectors: 503")

    # When ThreatQ does not say whether it is enabled
    work(away)
    # Then the next one asks again once ThreatQ is back
    assert wait_of(redis) is not None
    redis.delete(keys.away("threatq"))
    assert len(ledger.claim("events", 100)) == 1


def test_a_setting_without_which_no_job_can_be_done_makes_all_kinds_wait(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin, work: Callable[[Handle], int]
) -> None:
    accept(ledger, 3)
    sightings(ledger, 3)

    def misconfigured(attempt: Attempt) -> list[Settlement]:
        with needed_by_all():
            raise ConfigError("10.0.0.300 is no address", field="private_ips")

    work(misconfigured)
    wait = wait_of(redis)
    assert wait is not None
    assert (wait.kind, wait.reason) == ("", "private_ips: 10.0.0.300 is no address")
    assert ledger.claim("events", 100) == []
    assert ledger.wake("events") == 0
    # And other queues go on
    ledger.accept([Job("indicators.lookup", {"type": "FQDN", "value": "a.example"}, producer="stub")])
    assert len(ledger.claim("enrichment", 1)) == 1
    # And once it is corrected, everything does
    check_is_due(redis)
    work(Switch(enabled=True))
    assert admin.open_jobs()["events"] == 0


def test_a_missing_setting_takes_the_place_of_a_disabled_connector(
    ledger: Ledger, redis: Redis, work: Callable[[Handle], int]
) -> None:
    # Given payloads that wait for a connector, and a check that finds a worse reason
    accept(ledger, 5)
    work(Switch())
    check_is_due(redis)

    def misconfigured(attempt: Attempt) -> list[Settlement]:
        with needed_by_all():
            raise ConfigError("is missing", field="threatq_url")

    work(misconfigured)
    # Then sightings wait as well
    sightings(ledger, 1)
    assert ledger.claim("events", 100) == []
    wait = wait_of(redis)
    assert wait is not None
    assert (wait.kind, wait.checks) == ("", 2)


def test_a_right_that_one_job_needs_keeps_no_other_waiting_where_jobs_are_tried_alone(
    ledger: Ledger, admin: LedgerAdmin, work: Callable[[Handle], int]
) -> None:
    # Given a batch in which one job breaks something, and another one needs a right that is missing
    accept(ledger, 10)

    def handle(attempt: Attempt) -> list[Settlement]:
        if any(number(claim) == 3 for claim in attempt.claims):
            raise Rejected("3 is refused")
        if any(number(claim) == 5 for claim in attempt.claims):
            raise MissingRights("ThreatQ forbids POST /api/malware/consume")
        return [done(claim, {}) for claim in attempt.claims]

    # When the others are tried alone
    work(handle)
    # Then all of them are done
    assert len(admin.ids("done")) == 8
    (waits,) = admin.records(admin.ids("accepted"))
    assert (waits.state, "forbids" in waits.reason) == ("waiting", True)
