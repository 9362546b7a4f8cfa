"""What a command says of a payload whose job has ended."""

from __future__ import annotations

from producers.cli.report import PayloadReport, Waited, words
from workers.core.results import EventResult, GroupRef


def said(result: EventResult) -> str:
    return words(PayloadReport(1, "0f3a", "accepted", "Beacon", (), Waited(0, "done", result)))


def test_a_firing_that_joined_the_event_of_others_says_so() -> None:
    shared = EventResult(event_id=7, group=GroupRef("g", "Suricata, event_name Beacon"))
    assert "  done: event 7, one of the firings of Suricata, event_name Beacon" in said(shared)


def test_a_firing_above_the_limit_of_its_source_is_warned_of_it() -> None:
    warnings = ("Suricata was limited: more than 10 in 60 s",)
    limited = EventResult(
        event_id=7, warnings=warnings, group=GroupRef("g", "Suricata, limited", limited=True)
    )
    assert "  warning: Suricata was limited: more than 10 in 60 s" in said(limited)
