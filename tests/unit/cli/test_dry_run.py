"""What --explain says of the firings that count with a payload."""

from __future__ import annotations

from producers.cli.dry_run import explain_group
from workers.core.jobs import Job
from workers.payload.grouping import grouping_of
from workers.payload.options import DialectOptions
from workers.payload.planning import plan_now
from workers.settings.model import Settings

PAYLOAD = {"event_type": "Alert", "event_name": "Beacon", "event_source": "Suricata"}


def explained(**settings: str) -> list[str]:
    job = Job("events.create", {"payload": PAYLOAD}, producer="cli")
    return list(explain_group(job, plan_now(job, DialectOptions()), grouping_of(Settings(**settings))))


def test_without_rules_nothing_is_said() -> None:
    assert explained() == []


def test_the_group_and_the_limit_of_its_source_are_named() -> None:
    assert explained(group_by="*=event_name", rate_limits="Suricata=10/60") == [
        "Group        Suricata, event_name Beacon: its firings share one event",
        "Limit        10 in 60 s of Suricata; those above are counted in one event",
    ]
