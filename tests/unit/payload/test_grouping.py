"""Which firings are one event, and which are above the limit of their source, as rules say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import structs

from workers.core.errors import ConfigError
from workers.payload.builder import plan_event
from workers.payload.grouping import (
    FIRINGS,
    Grouping,
    GroupKey,
    RateLimit,
    counted_plan,
    grouping_of,
    limited_plan,
    plan_of_values,
    value_in_words,
    values_of,
)
from workers.payload.options import DialectOptions
from workers.payload.plan import EventPlan
from workers.settings.model import Settings


def rules(group_by: str = "", rate_limits: str = "") -> Grouping:
    return grouping_of(Settings(group_by=group_by, rate_limits=rate_limits))


def plan(payload: dict[str, Any]) -> EventPlan:
    return plan_event(payload, received_at=datetime(2026, 1, 1, tzinfo=UTC), options=DialectOptions())


def group(by: str, **fields: Any) -> GroupKey | None:
    payload = {"event_type": "Alert", "event_name": "Beacon", "event_source": "Suricata", **fields}
    return rules(by).group_of(payload, plan(payload))


def test_without_a_rule_for_its_source_a_firing_has_no_group() -> None:
    assert not rules()
    assert group("") is None
    assert group("Zeek=event_name") is None


def test_firings_that_share_the_fields_of_the_rule_share_the_group() -> None:
    by = "Suricata=event_name, uri_source"
    first = group(by, uri_source="203.0.113.1", identity="alice")
    assert first == group(by, uri_source="203.0.113.1", identity="bob")
    assert first != group(by, uri_source="203.0.113.2")
    assert first != group(by, uri_source="203.0.113.1", event_name="Scan")
    assert first
    assert first.label == "Suricata, event_name Beacon, uri_source 203.0.113.1"


def test_firings_can_be_grouped_by_how_severe_they_are() -> None:
    found = group("Suricata=severity", event_attributes="Severity<|High")
    assert found
    assert found.label == "Suricata, severity High"


def test_a_source_counts_whatever_its_case_and_a_star_is_every_other_source() -> None:
    by = "*=event_type; suricata=event_name"
    assert group(by) == group("SURICATA=event_name")
    assert group(by, event_source="Zeek") == group("*=event_type", event_source="Zeek")


def test_the_same_rule_of_two_sources_makes_two_groups() -> None:
    assert group("*=event_name") != group("*=event_name", event_source="Zeek")


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        # A path into a field that the dialect does not know
        ("alert.rule.id", {"alert": {"rule": {"id": 7}}}),
        # An attribute of the event, in the guide's grammar or not
        ("event_attributes.Rule", {"event_attributes": "Rule<|7~|Other<|x"}),
        ("event_attributes.rule", {"event_attributes": {"Rule": "7"}}),
        # A list as it is
        ("identity", {"identity": ["7"]}),
    ],
)
def test_a_field_may_be_a_path_or_an_attribute(field: str, fields: dict[str, Any]) -> None:
    grouped = group(f"*={field}", **fields)
    assert grouped
    assert "7" in grouped.label
    assert grouped != group(f"*={field}")


def test_of_a_document_with_a_mapping_the_dialects_fields_are_those_of_its_event() -> None:
    # Given the documents of a format of which the mapping makes the same title and source
    made = plan({"event_type": "Alert", "event_name": "Beacon", "uri_source": "203.0.113.1"})
    by = rules("*=event_name, uri_source, rule.id")
    group_1, group_2 = (by.group_of({"rule": {"id": number}}, made) for number in (1, 2))
    assert group_1
    assert group_1.label == "Events Builder, event_name Beacon, uri_source 203.0.113.1, rule.id 1"
    assert group_1 != group_2


def test_a_rule_may_leave_it_to_the_mapping_of_the_payload() -> None:
    made = plan({"event_type": "Alert", "event_name": "Beacon"})
    mapped = [structs.replace(made, group_by=by) for by in (("rule 7",), ("rule 7",), ("rule 8",), ())]
    first, same, other, none = (rules("*=mapping").group_of({}, each) for each in mapped)
    assert first == same != other
    assert none is None


@pytest.mark.parametrize(
    ("group_by", "rate_limits", "said"),
    [
        ("event_name", "", "'event_name' is no rule; write Suricata=event_name"),
        ("Suricata=", "", "is no rule"),
        ("=event_name", "", "is no rule"),
        ("", "Suricata=1000", "is no limit; write firings/seconds"),
        ("", "Suricata=many/60", "is no limit"),
        ("", "Suricata=0/60", "out of bounds"),
        ("", "Suricata=1000001/60", "out of bounds"),
        ("", "Suricata=10/100000", "out of bounds"),
    ],
)
def test_a_rule_that_cannot_be_read_is_named(group_by: str, rate_limits: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        rules(group_by, rate_limits)


def test_a_limit_holds_for_its_source() -> None:
    limits = rules(rate_limits="Suricata=1000/3600\n*=5/60")
    payload = {"event_type": "Alert", "event_name": "Beacon"}
    assert limits.limit_of(plan({**payload, "event_source": "suricata"})) == RateLimit(1000, 3600)
    assert limits.limit_of(plan({**payload, "event_source": "Zeek"})) == RateLimit(5, 60)


def test_the_values_of_a_firing_come_back_as_they_were() -> None:
    whole = plan(
        {
            "event_type": "Alert",
            "event_name": "Beacon",
            "uri_source": "203.0.113.1",
            "uri_target": ["evil.example", "203.0.113.1"],
            "identity": "alice",
            "malware": "Emotet",
        }
    )
    values = values_of(whole)
    again = plan_of_values(values, "Suricata")
    assert values_of(again) == values
    assert (again.identities, again.malware) == (("alice",), ("Emotet",))
    assert value_in_words(values[0]) == "IP Address 203.0.113.1 (Source)"
    assert value_in_words(values[-1]) == "malware Emotet"


def test_the_event_of_a_group_begins_with_one_firing() -> None:
    made = counted_plan(plan({"event_type": "Alert", "event_name": "Beacon"}), "Suricata, event_name Beacon")
    facts = {attribute.name: attribute.value for attribute in made.attributes}
    assert (facts[FIRINGS], facts["First Seen"], facts["Last Seen"]) == (
        "1",
        "2026-01-01 00:00:00",
        "2026-01-01 00:00:00",
    )


def test_the_event_of_limited_firings_says_whose_they_are_and_what_the_limit_is() -> None:
    made = limited_plan(
        plan({"event_type": "Alert", "event_name": "Beacon", "event_source": "Zeek"}), RateLimit(5, 60)
    )
    assert (made.title, made.type) == ("Source Zeek was limited", "Alert")
    assert "More than 5 in 60 s came from Zeek" in made.description
    assert made.indicators == ()
