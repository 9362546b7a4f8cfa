"""A source that sends more firings than its limit: none is lost, and sender and operator are told."""

from __future__ import annotations

import pytest

from tests.support.firings import Firings, firing
from tests.support.operator import Operator
from tests.support.sandbox_threatq import SandboxThreatQ
from workers.core.results import EventResult
from workers.ledger.admin import LedgerAdmin
from workers.runtime import Runtime

pytestmark = pytest.mark.integration


@pytest.fixture
def firings(runtime: Runtime, threatq_sandbox: SandboxThreatQ) -> Firings:
    """Workers that let ten firings of a source become events in a window."""
    return Firings(runtime, threatq_sandbox, rate_limits="*=10/86400")


def titles(firings: Firings) -> list[str]:
    return sorted(event["title"] for event in firings.events())


def test_above_its_limit_the_firings_of_a_source_are_counted_in_one_event(firings: Firings) -> None:
    firings.send(*(firing(number) for number in range(150)))
    firings.work()
    firings.flush()
    assert titles(firings) == [*["Beacon"] * 10, "Source Suricata was limited: 140 firings"]
    limited = next(event for event in firings.events() if "limited" in event["title"])
    assert limited["facts"]["Firings"] == "140"
    assert limited["facts"]["Limit"] == "10 in 86,400 s"
    assert "140 limited firings of Suricata" in limited["description"]


def test_a_limited_firing_says_so_and_names_the_event(firings: Firings, admin: LedgerAdmin) -> None:
    ids = firings.send(*(firing(number) for number in range(12)))
    firings.work()
    outcomes = [record.outcome for record in admin.records(ids)]
    groups = [outcome.group for outcome in outcomes if isinstance(outcome, EventResult) and outcome.group]
    assert [group.limited for group in groups] == [True, True]
    told = [outcome.warnings for outcome in outcomes if isinstance(outcome, EventResult) and outcome.group]
    assert all("Suricata was limited: more than 10 in 86,400 s" in " ".join(warnings) for warnings in told)
    # And what was sent is there to be replayed
    assert admin.arguments(groups[0].id) is not None


def test_a_source_that_keeps_below_its_limit_notices_nothing_of_another_one(firings: Firings) -> None:
    firings.send(*(firing(number) for number in range(15)), *(firing(n, source="Zeek") for n in range(3)))
    firings.work()
    assert titles(firings) == ["Beacon"] * 13 + ["Source Suricata was limited"]


def test_firings_that_join_an_open_group_count_towards_no_limit(
    runtime: Runtime, threatq_sandbox: SandboxThreatQ
) -> None:
    firings = Firings(runtime, threatq_sandbox, group_by="*=event_name", rate_limits="*=2/86400")
    for rule in ("A", "B", "C", "D"):
        firings.send(*(firing(number, rule=rule) for number in range(20)))
        firings.work()
    firings.flush()
    counts = {event["title"]: event["facts"]["Firings"] for event in firings.events()}
    assert counts == {"A": "20", "B": "20", "Source Suricata was limited: 40 firings": "40"}


def test_a_firing_that_is_tried_again_takes_no_second_place(firings: Firings) -> None:
    # Given ten firings that were let through and whose worker is gone
    firings.send(*(firing(number) for number in range(10)))
    claims = firings.ledger.claim("events", 100)
    firings.place(claims)
    # When they are asked for again, they are still let through
    firings.place(claims)
    firings.send(firing(11))
    firings.work()
    assert titles(firings) == ["Source Suricata was limited"]


def test_the_status_tells_of_a_limited_source(firings: Firings, operator: Operator) -> None:
    firings.send(*(firing(number) for number in range(15)))
    firings.work()
    answer = operator.types("status")
    assert answer.code == 0
    assert "source Suricata was limited, 5 firings since" in " ".join(answer.out.split())
