"""Firings that share an event: counted once each, whatever happens, and told to ThreatQ by and by."""

from __future__ import annotations

import json

import pytest

from tests.support.firings import Firings, firing
from tests.support.sandbox_threatq import SandboxThreatQ
from workers.core.results import EventResult
from workers.leases import Attempt
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.packing import AFTER_MS, Packer
from workers.ledger.records import Record, dead
from workers.payload.intake import accepted_only, from_settings
from workers.runtime import Runtime

pytestmark = pytest.mark.integration


@pytest.fixture
def firings(runtime: Runtime, threatq_sandbox: SandboxThreatQ) -> Firings:
    """Workers for which firings of one rule of Suricata are one event."""
    return Firings(runtime, threatq_sandbox, group_by="Suricata=event_name")


def record(admin: LedgerAdmin, job_id: str) -> Record:
    found = admin.record(job_id)
    assert found
    return found


def result(admin: LedgerAdmin, job_id: str) -> EventResult:
    outcome = record(admin, job_id).outcome
    assert isinstance(outcome, EventResult)
    return outcome


def facts(firings: Firings) -> list[dict[str, str]]:
    return [event["facts"] for event in firings.events()]


def test_firings_of_one_group_are_one_event_with_count_first_and_last_seen(firings: Firings) -> None:
    # Given 250 firings of a rule, the earliest and the latest somewhere among them
    firings.send(*(firing(number) for number in (5, 0, *range(1, 5), 249, *range(6, 249))))
    # When workers have done them all, and the event is told
    firings.work()
    firings.flush()
    # Then there is one event, and it knows
    (event,) = firings.events()
    known = event["facts"]
    assert (known["Firings"], known["First Seen"]) == ("250", "2026-01-02 00:00:00")
    assert known["Last Seen"] == "2026-01-02 00:04:09"
    assert "250 firings of Suricata, event_name Beacon" in event["description"]
    # And the hundred addresses that a group keeps are related to it
    assert len(event["indicators"]) == 100
    assert "beyond those that a group keeps, came 150 times" in event["description"]


def test_the_event_of_a_group_has_the_highest_severity_that_a_firing_had(firings: Firings) -> None:
    # Given firings of which the second is the most severe, and one says what no one can compare
    severities = ("Medium", "Critical", "odd", "Low")
    # When one after the other has joined the event, and it was told in between
    for number, severity in enumerate(severities):
        firings.send(firing(number, event_attributes=f"Severity<|{severity}"))
        firings.work()
        firings.flush()
    # Then the event says so, once
    assert [known["Severity"] for known in facts(firings)] == ["Critical"]
    (event,) = firings.events()
    assert [row["name"] for row in event["attributes"]].count("Severity") == 1


def test_a_lone_firing_makes_its_event_at_once_and_nothing_is_told_afterwards(firings: Firings) -> None:
    firings.send(firing(1))
    firings.work()
    assert [known["Firings"] for known in facts(firings)] == ["1"]
    assert firings.flush() == 0


def test_thousands_of_firings_take_few_calls_of_threatq(
    firings: Firings, threatq_sandbox: SandboxThreatQ
) -> None:
    firings.open()
    before = sum(threatq_sandbox.calls().values())
    firings.send(*(firing(number) for number in range(1, 2_000)))
    firings.work()
    assert sum(threatq_sandbox.calls().values()) == before
    firings.flush()
    assert sum(threatq_sandbox.calls().values()) - before < 12
    assert [known["Firings"] for known in facts(firings)] == ["2000"]


def test_other_rules_and_sources_without_a_rule_have_events_of_their_own(firings: Firings) -> None:
    firings.send(
        firing(1), firing(2), firing(3, rule="Scan"), firing(4, source="Zeek"), firing(5, source="Zeek")
    )
    firings.work()
    assert sorted((event["title"], "Firings" in event["facts"]) for event in firings.events()) == [
        ("Beacon", False),
        ("Beacon", False),
        ("Beacon", True),
        ("Scan", True),
    ]


def test_a_firing_tells_which_event_it_joined(firings: Firings, admin: LedgerAdmin) -> None:
    opener = firings.open()
    others = firings.send(firing(1), firing(2))
    firings.work()
    made = result(admin, opener)
    assert made.group
    assert (made.group.id, made.group.label) == (opener, "Suricata, event_name Beacon")
    for other in others:
        joined = result(admin, other)
        assert (joined.event_id, joined.link, joined.existing) == (made.event_id, made.link, True)
        assert joined.group == made.group


def test_a_firing_that_was_worked_on_twice_counts_once(firings: Firings) -> None:
    # Given a worker that has joined firings and lost its lease before it could say so
    firings.open()
    firings.send(*(firing(number) for number in range(1, 4)))
    late = firings.ledger.claim("events", 100)
    settlements = firings.handle(Attempt(late, firings.runtime.leases))
    for claim in late:
        firings.runtime.redis.hset(keys.progress(claim.id), "lease", "another")
    assert len(firings.ledger.settle(settlements)) == 3
    # When another worker does them, and the first one's word is said twice more
    for claim in late:
        firings.runtime.redis.zrem(keys.due("events"), claim.id)
    firings.ledger.settle(settlements)
    (state,) = [firings.groups.state(s.group.group) for s in settlements[:1] if s.group]
    # Then only what holds the lease has counted
    assert state
    assert state.count == 1


def test_a_settlement_that_is_sent_twice_counts_once(firings: Firings) -> None:
    firings.send(firing(0), firing(1))
    claims = firings.ledger.claim("events", 100)
    settlements = firings.handle(Attempt(claims, firings.runtime.leases))
    assert firings.ledger.settle(settlements) == []
    assert firings.ledger.settle(settlements) == settlements
    state = firings.groups.state(claims[0].id)
    assert state
    assert state.count == 2


def test_a_done_firing_that_is_replayed_counts_once_also_after_it_was_packed(
    firings: Firings, admin: LedgerAdmin
) -> None:
    opener = firings.open()
    first, second = firings.send(firing(1), firing(2))
    firings.work()
    # When one is replayed as it is, and one from its packed form
    admin.replay([first], note={})
    firings.work()
    Packer(firings.runtime.redis).step(firings.now_ms() + AFTER_MS + 1, within_s=60)
    admin.replay([opener, second], note={})
    firings.work()
    state = firings.groups.state(opener)
    assert state
    assert state.count == 3
    assert len(firings.events()) == 1


def test_while_another_worker_makes_the_event_others_wait_for_it(
    firings: Firings, admin: LedgerAdmin
) -> None:
    # Given a worker that has claimed the first firing and not made its event yet
    (opener,) = firings.send(firing(0))
    claims = firings.ledger.claim("events", 1)
    firings.place(claims)
    # When another one has the next firing
    (other,) = firings.send(firing(1))
    firings.work()
    # Then that waits, without an attempt, and makes none
    waiting = record(admin, other)
    assert (waiting.state, waiting.attempts) == ("waiting", 0)
    assert waiting.reason == f"job {opener} makes the event of its group first"
    # And it joins when the event is there
    firings.ledger.settle(firings.handle(Attempt(claims, firings.runtime.leases)))
    firings.runtime.redis.zadd(keys.due("events"), {other: 0})
    firings.work()
    assert result(admin, other).event_id == result(admin, opener).event_id
    assert len(firings.events()) == 1


def test_a_worker_that_was_killed_after_its_event_was_made_makes_no_second_one(
    firings: Firings, admin: LedgerAdmin
) -> None:
    # Given a worker that has made the event of a group, and is killed before it says so
    firings.send(firing(0))
    firings.handle(Attempt(firings.ledger.claim("events", 1), firings.runtime.leases))
    # When others come, and its lease runs out
    firings.send(firing(1))
    firings.work()
    for job_id in admin.ids("accepted"):
        firings.runtime.redis.zadd(keys.due("events"), {job_id: 0})
    firings.work()
    for job_id in admin.ids("accepted"):
        firings.runtime.redis.zadd(keys.due("events"), {job_id: 0})
    firings.work()
    # Then its event is found, and they join it
    firings.flush()
    assert [known["Firings"] for known in facts(firings)] == ["2"]


def test_where_the_first_firing_dies_another_one_makes_the_event(
    runtime: Runtime, threatq_sandbox: SandboxThreatQ, admin: LedgerAdmin
) -> None:
    # Given a first firing that ThreatQ refuses
    firings = Firings(runtime, threatq_sandbox, group_by="*=event_name", unknown_event_type="reject")
    (bad,) = firings.send(firing(0, event_type="No such type"))
    firings.work()
    # When others come
    firings.send(firing(1), firing(2))
    firings.work()
    firings.flush()
    # Then they are one event without it
    assert record(admin, bad).state == "dead"
    assert [known["Firings"] for known in facts(firings)] == ["2"]


def test_after_its_window_a_group_begins_anew(firings: Firings) -> None:
    opener = firings.open()
    firings.runtime.redis.hset(keys.grouped(opener), "until", firings.now_ms())
    firings.send(firing(1), firing(2))
    firings.work()
    firings.flush()
    assert sorted(known["Firings"] for known in facts(firings)) == ["1", "2"]


def test_an_event_that_an_analyst_deleted_is_made_anew_by_the_next_firing(
    firings: Firings, admin: LedgerAdmin, threatq_sandbox: SandboxThreatQ
) -> None:
    event_id = result(admin, firings.open()).event_id
    firings.send(firing(1))
    firings.work()
    threatq_sandbox.delete(f"/api/events/{event_id}")
    firings.flush()
    firings.send(firing(2))
    firings.work()
    (known,) = firings.events()
    assert known["id"] != event_id
    assert known["facts"]["Firings"] == "1"


def test_a_first_firing_that_is_replayed_after_its_event_was_deleted_tells_the_new_one_of_all(
    firings: Firings, admin: LedgerAdmin, threatq_sandbox: SandboxThreatQ
) -> None:
    # Given an event that was told of three firings, and that an analyst deleted
    opener = firings.open()
    firings.send(firing(1), firing(2))
    firings.work()
    firings.flush()
    threatq_sandbox.delete(f"/api/events/{result(admin, opener).event_id}")
    # When the first firing is replayed
    admin.replay([opener], note={})
    firings.work()
    firings.flush()
    # Then its new event knows of all three
    assert [known["Firings"] for known in facts(firings)] == ["3"]


def test_after_an_update_that_died_the_next_firing_brings_another_one(
    firings: Firings, admin: LedgerAdmin
) -> None:
    # Given an event whose update is a dead letter, since three workers that had it were killed
    firings.open()
    firings.send(firing(1))
    firings.work()
    firings.ask()
    firings.ledger.settle(
        [dead(claim, "it lost three workers") for claim in firings.ledger.claim("events", 10)]
    )
    # When further firings join
    firings.send(firing(2))
    firings.work()
    firings.flush()
    # Then the event knows of them all
    assert [known["Firings"] for known in facts(firings)] == ["3"]


def test_no_more_groups_are_kept_than_is_set_and_nothing_is_lost(
    runtime: Runtime, threatq_sandbox: SandboxThreatQ, admin: LedgerAdmin
) -> None:
    firings = Firings(runtime, threatq_sandbox, group_by="*=event_name", max_groups=3)
    ids = firings.send(*(firing(number, rule=f"Rule {number}") for number in range(5)))
    firings.work()
    ids += firings.send(*(firing(number + 10, rule=f"Rule {number}") for number in range(5)))
    firings.work()
    firings.flush()
    counts = sorted(event["facts"].get("Firings", "-") for event in firings.events())
    assert counts == ["-", "-", "-", "-", "2", "2", "2"]
    told = [result(admin, job_id) for job_id in ids]
    assert sum("max_groups" in " ".join(each.warnings) for each in told) == 4


def test_a_value_that_is_very_long_is_counted_and_not_kept(firings: Firings) -> None:
    opener = firings.open()
    firings.send(firing(1, uri_source=f"https://evil.example/{'x' * 500}"))
    firings.work()
    state = firings.groups.state(opener)
    assert state
    assert (state.count, state.more) == (2, 1)


def test_firings_of_a_format_are_one_event_as_its_mapping_says(
    runtime: Runtime, threatq_sandbox: SandboxThreatQ
) -> None:
    # Given alerts of two instances, of which the mapping says that instance and name tell what belongs together
    firings = Firings(runtime, threatq_sandbox, group_by="Alertmanager=mapping")
    alerts = [
        {
            "status": "firing",
            "labels": {"alertname": "Beacon", "instance": f"host-{number % 2}:9100"},
            "startsAt": f"2026-01-02T00:00:{number:02}Z",
        }
        for number in range(20)
    ]
    document = {"receiver": "tq", "groupKey": "k", "status": "firing", "alerts": alerts}
    jobs = accepted_only(from_settings(firings.settings, "http").jobs(json.dumps(document).encode()))
    # When they are done
    firings.ledger.accept(jobs)
    firings.work()
    firings.flush()
    # Then there is an event for each instance
    assert [known["Firings"] for known in facts(firings)] == ["10", "10"]


def test_sightings_of_one_alarm_rule_are_one_event(
    runtime: Runtime, threatq_sandbox: SandboxThreatQ, admin: LedgerAdmin
) -> None:
    firings = Firings(runtime, threatq_sandbox, group_by="LogRhythm=alarm_name")
    firings.alarms(*range(1, 6))
    firings.work()
    firings.flush()
    (known,) = facts(firings)
    assert known["Firings"] == "5"
