"""Jobs that a newer version made: they wait for a worker that knows them, and no older one makes them dead."""

from __future__ import annotations

import zlib
from typing import cast

import pytest
from redis import Redis
from structlog.testing import capture_logs

from tests.support.consumer_stage import Work
from tests.support.operator import Operator
from tqctl.checks.workers import judge
from workers.actions.handler import carry_out
from workers.consumer import QueueHandler, consume
from workers.core.errors import NeedsNewerWorker
from workers.core.jobs import KINDS, Job, Kind
from workers.core.results import EventResult
from workers.events.planning import plan_of
from workers.leases import Attempt, Leases
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.audit import Audit
from workers.ledger.ledger import Ledger
from workers.ledger.overview import overview
from workers.ledger.quarantine import Quarantine
from workers.ledger.records import RECORD_VERSION, Claim, Settlement, dead, done, needs_newer
from workers.payload.options import DialectOptions
from workers.telemetry.collector import LedgerCollector
from workers.telemetry.metrics import NEEDS_NEWER
from workers.threatq.service import ThreatQ

pytestmark = pytest.mark.integration

#: What each record of a newer version has that this one does not know: its first lines and body, and the reason.
NEWER = {
    "a kind": (
        b"events.enrich\nevents\nhttp\n\nnew\n" + zlib.compress(b"{}"),
        "the kind events.enrich",
    ),
    "a format": (
        b"events.create 2\nevents\nhttp\n\nnew\n" + b"\x28\xb5\x2f\xfd what only it can read",
        "version 2 of a job's record",
    ),
    "a format that is no number": (
        b"events.create 2a\nevents\nhttp\n\nnew\n\n\n",
        "version 2 of a job's record",
    ),
    "a field": (
        b"events.create\nevents\nhttp\n\nnew\n" + zlib.compress(b'{"payload": {}, "priority": 1}'),
        "the field priority of events.create",
    ),
}


def event(number: int = 1) -> Job:
    return Job("events.create", {"payload": {"number": number}}, producer="cli")


def leave(redis: Redis, lines: bytes) -> str:
    """Leave a job in the ledger as a newer version would."""
    job_id = "f" * 24
    redis.set(keys.job(job_id), b"1700000000000\n" + lines)
    redis.zadd(keys.due("events"), {job_id: 1})
    return job_id


def make(attempt: Attempt) -> list[Settlement]:
    """Settle each claim of an attempt, as the queue of events does."""
    return [made(claim) for claim in attempt.claims]


def made(claim: Claim) -> Settlement:
    """Do what a claim asks for, if its arguments are known."""
    try:
        claim.known_arguments()
    except NeedsNewerWorker as error:
        return needs_newer(claim, str(error))
    return done(claim, EventResult(event_id=7))


@pytest.mark.parametrize(("lines", "unknown"), NEWER.values(), ids=NEWER)
def test_what_this_version_does_not_know_waits_and_what_came_with_it_is_done(
    ledger: Ledger,
    redis: Redis,
    admin: LedgerAdmin,
    operator: Operator,
    work: Work,
    lines: bytes,
    unknown: str,
) -> None:
    # Given a job of a newer version among others
    newer = leave(redis, lines)
    others = [answer.id for answer in ledger.accept([event(1), event(2)])]
    # When a worker of this version takes them
    with capture_logs() as log:
        work(make)
    # Then the others are done, and it waits with the reason, with no attempt counted
    assert {record.state for record in admin.records(others)} == {"done"}
    record = admin.record(newer)
    assert record is not None
    assert (record.state, record.attempts) == ("waiting", 0)
    assert record.reason == f"needs a newer worker: this one does not know {unknown}"
    # and the log, the status and the job say so
    assert [line["reason"] for line in log if line["event"] == "jobs wait for a newer worker"] == [
        record.reason
    ]
    assert operator.asks("status", "--no-workers")["queues"][0]["needs_newer"] == record.reason
    assert (
        f"events: a job {record.reason} (it waits; update the workers)"
        in operator.types("status", "--no-workers").out
    )
    assert operator.asks("jobs", "show", newer)["state"] == "waiting"
    # and the check and the metrics do, for the alert that comes where it lasts
    state = overview(admin.redis)
    (line,) = [line for line in judge(state, {}) if line.what == "events: version"]
    assert (line.state, line.found) == ("warning", f"jobs wait: a job {record.reason}")
    (metric,) = [
        m for m in LedgerCollector(admin, Quarantine(admin.redis)).collect() if m.name == NEEDS_NEWER.name
    ]
    assert {sample.labels["queue"]: sample.value for sample in metric.samples} == {
        "events": 1,
        "enrichment": 0,
        "sync": 0,
        "upkeep": 0,
    }


def test_a_job_of_a_kind_that_was_unknown_is_done_once_a_worker_knows_it(
    redis: Redis, admin: LedgerAdmin, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = leave(redis, NEWER["a kind"][0])
    work(make)
    # When the workers are updated, and it is looked at again
    monkeypatch.setitem(KINDS, "events.enrich", Kind("events.enrich", "events", ""))
    redis.zadd(keys.due("events"), {newer: 1})
    work(lambda attempt: [done(claim, EventResult(event_id=7)) for claim in attempt.claims])
    # Then it is done at its first attempt
    record = admin.record(newer)
    assert record is not None
    assert (record.state, record.attempts) == ("done", 1)


def test_a_payload_with_a_field_of_a_newer_version_waits_and_is_not_planned_without_it(
    ledger: Ledger, redis: Redis
) -> None:
    leave(redis, NEWER["a field"][0])
    (claim,) = ledger.claim("events", 1)
    step = plan_of(claim, DialectOptions())
    assert isinstance(step, Settlement)
    assert (step.state, step.entry["error"]) == ("deferred", "NeedsNewerWorker")


def test_an_action_with_a_field_of_a_newer_version_waits_and_is_not_carried_out_without_it(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    # Given an analyst's action that a newer entry point took
    newer = "f" * 24
    body = zlib.compress(b'{"type": "FQDN", "value": "bad.example", "expires": "2027-01-01"}')
    redis.set(keys.job(newer), b"1700000000000\nindicators.add\nenrichment\nhttp\n\nnew\n" + body)
    redis.zadd(keys.due("enrichment"), {newer: 1})
    # When an older worker takes it
    threatq, dialect = cast("ThreatQ", None), DialectOptions()
    handler = QueueHandler(
        "enrichment", lambda attempt: carry_out(attempt, threatq, dialect, Audit(redis)), 1
    )
    consume(handler, ledger, Leases(ledger))
    # Then it waits
    record = admin.record(newer)
    assert record is not None
    assert (record.state, record.attempts) == ("waiting", 0)
    assert record.reason.endswith("does not know the field expires of indicators.add")


def test_a_dead_letter_of_a_newer_version_can_be_shown_searched_replayed_and_keeps_its_record(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin, operator: Operator
) -> None:
    # Given a job that a newer worker found to be dead
    lines = NEWER["a format"][0]
    newer = leave(redis, lines)
    ledger.settle([dead(claim, "the type is unknown") for claim in ledger.claim("events", 1)])
    # When this version's tools look at it
    assert operator.asks("dead", "show", newer)["arguments"] is None
    assert operator.asks("jobs", "find", "new")["jobs"][0]["id"] == newer
    operator.asks("dead", "replay", newer)
    # Then its record is as it was, and what is counted is counted under its kind
    assert (redis.get(keys.job(newer)) or b"").endswith(lines)
    assert admin.counts()["replayed:events.create:http"] == 1


def test_the_format_of_a_record_of_this_version_needs_no_number() -> None:
    """So that a worker of the version before reads it."""
    assert RECORD_VERSION == 1
