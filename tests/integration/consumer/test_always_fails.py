"""What ThreatQ fails on each time, alone: which jobs are given up, which wait, and what is made without it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from redis import Redis

from tests.support.event_requests import CONSUME, related
from tests.support.sandbox_threatq import SandboxThreatQ
from workers.actions.handler import carry_out
from workers.consumer import QueueHandler, consume
from workers.core.jobs import Job
from workers.core.retry import RetryPolicy
from workers.events.handler import make_events
from workers.leases import Leases
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.audit import Audit
from workers.ledger.ledger import MOST_SOLO_FAILURES, Ledger
from workers.ledger.records import Record
from workers.payload.options import DialectOptions, from_settings
from workers.threatq.service import connect

pytestmark = pytest.mark.integration

#: A value on which the simulated ThreatQ fails inside.
FATAL = "fatal.example"

Try = Callable[[Job], Record]


@pytest.fixture
def try_alone(
    ledger: Ledger,
    redis: Redis,
    admin: LedgerAdmin,
    threatq_sandbox: SandboxThreatQ,
    monkeypatch: pytest.MonkeyPatch,
) -> Try:
    """Accepts a job and works on it by itself, the breaker closed and whatever else is open left alone."""
    monkeypatch.setattr("workers.threatq.client.RETRY", RetryPolicy(first_s=0, most_s=0, tries=1))
    threatq_sandbox.behave(fatal=[FATAL])
    settings = threatq_sandbox.settings()
    threatq = connect(settings)
    events = partial(make_events, threatq=threatq, options=from_settings(settings))
    actions = partial(carry_out, threatq=threatq, dialect=DialectOptions(), audit=Audit(redis))
    consumers = {
        "events": QueueHandler("events", events, 100),
        "enrichment": QueueHandler("enrichment", actions, 1),
    }

    def work(job: Job) -> Record:
        (accepted,) = ledger.accept([job])
        redis.delete(keys.away("threatq"))
        queue = job.kind.queue
        for job_id in admin.ids("accepted"):
            redis.zadd(keys.due(queue), {job_id: 0 if job_id == accepted.id else 2**52})
        consume(consumers[queue], ledger, Leases(ledger))
        record = admin.record(accepted.id)
        assert record is not None
        return record

    return work


def action(kind: str, value: str) -> Job:
    return Job(f"indicators.{kind}", {"type": "FQDN", "value": value}, producer="stub")


def event(name: str, **more: Any) -> Job:
    payload = {"event_name": name, "event_type": "Malware", "event_happened_at": "2026-01-02T03:04:05Z"}
    return Job("events.create", {"payload": {**payload, **more}}, producer="cli")


def test_an_action_on_which_threatq_fails_while_it_does_others_is_dead_in_the_end(try_alone: Try) -> None:
    # Given an indicator on which ThreatQ fails inside, and another one that is added between each two tries
    for number in range(MOST_SOLO_FAILURES):
        assert try_alone(action("add", FATAL)).state == "waiting"
        assert try_alone(action("add", f"good{number}.example")).state == "done"
    # When it fails once more
    died = try_alone(action("add", FATAL))
    # Then it is dead, and its reason names ThreatQ's answer
    assert (died.state, died.attempts, died.result["error"]) == (
        "dead",
        MOST_SOLO_FAILURES + 1,
        "AlwaysFails",
    )
    assert "ThreatQ answers POST /api/indicators/consume with 500" in died.result["reason"]
    assert "so 11 times, while others were done" in died.result["reason"]


def test_lookups_do_not_prove_that_threatq_takes_changes(try_alone: Try) -> None:
    # Given a ThreatQ that answers lookups and takes no change
    for number in range(2 * MOST_SOLO_FAILURES):
        waits = try_alone(action("add", FATAL))
        assert try_alone(action("lookup", f"good{number}.example")).state == "done"
    # Then what would change something waits until it takes changes again
    assert (waits.state, waits.attempts) == ("waiting", 2 * MOST_SOLO_FAILURES)


def test_an_event_whose_only_indicator_threatq_fails_on_is_made_without_it_in_the_end(
    try_alone: Try, threatq_sandbox: SandboxThreatQ
) -> None:
    # Given such an event, which comes alone, and another one that is made between each two tries
    bad = event("Bad", uri_source=f"FQDN:{FATAL}", malware="Emotet")
    for number in range(MOST_SOLO_FAILURES):
        assert try_alone(bad).state == "waiting"
        assert try_alone(event(f"Good {number}")).state == "done"
    # When it is tried for the last time
    made = try_alone(bad)
    # Then it is made, with all that ThreatQ takes, and the indicator is kept in its attributes
    assert made.state == "done", made.result
    event_id = made.result["event_id"]
    attributes = threatq_sandbox.get(f"/api/events/{event_id}/attributes")["data"]
    assert ("FQDN", FATAL) in {(attribute["name"], attribute["value"]) for attribute in attributes}
    assert related(threatq_sandbox, event_id, "indicators") == set()
    assert related(threatq_sandbox, event_id, "malware") == {"Emotet"}
    (warning,) = made.result["warnings"]
    assert f"FQDN {FATAL}: ThreatQ takes others but fails on this one" in warning


def test_in_an_outage_an_event_keeps_its_indicator_however_often_it_was_tried(
    try_alone: Try, threatq_sandbox: SandboxThreatQ
) -> None:
    # Given an event that fails again and again while no other is made
    for _ in range(2 * MOST_SOLO_FAILURES):
        assert try_alone(event("Bad", uri_source=f"FQDN:{FATAL}")).state == "waiting"
    # When ThreatQ is well again
    threatq_sandbox.behave(fatal=[])
    made = try_alone(event("Bad", uri_source=f"FQDN:{FATAL}"))
    # Then nothing is missing
    assert related(threatq_sandbox, made.result["event_id"], "indicators") == {FATAL}


@pytest.mark.parametrize(
    ("kind", "count", "solo_failures"),
    [
        # An answer that fails, or none, may be this event's fault.
        ("error", 1, [b"1"]),
        ("drop_before", 1, [b"1"]),
        # Among others, it cannot be told which of them it is.
        ("error", 2, [None, None]),
        # Who asks for fewer calls does not fail.
        ("rate_limit", 1, [None]),
    ],
)
def test_an_event_that_was_alone_when_threatq_failed_is_suspected(
    kind: str,
    count: int,
    solo_failures: list[bytes | None],
    ledger: Ledger,
    redis: Redis,
    threatq_sandbox: SandboxThreatQ,
) -> None:
    # Given a ThreatQ that fails on the call that makes events
    threatq_sandbox.fault(kind, path=CONSUME)
    settings = threatq_sandbox.settings()
    handle = partial(make_events, threatq=connect(settings), options=from_settings(settings))
    answers = ledger.accept([event(f"Event {number}") for number in range(count)])
    # When events are made
    consume(QueueHandler("events", handle, 100), ledger, Leases(ledger))
    # Then the failure counts against one that was alone
    assert [redis.hget(keys.progress(answer.id), "strikes") for answer in answers] == solo_failures
