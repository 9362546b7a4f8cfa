"""A document through its mapping becomes a payload of the dialect, and nothing odd in it costs the rest."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.mappings import ALARM, TRAIL, mapping_of
from workers.core.errors import InputError
from workers.mappings.apply import MOST_INDICATORS, apply_mapping, elements
from workers.payload.builder import plan_event
from workers.payload.options import DialectOptions

NOW = datetime(2026, 1, 1, tzinfo=UTC)

ALARMED: dict[str, Any] = {
    "vendor": "ACME",
    "alarm": {
        "name": "Beacon",
        "time": 1633460462,
        "severity": 7,
        "rule": "R1",
        "tags": ["a", "b", None],
        "user": ["ann", "bob"],
        "host": "dc01",
        "source": "1.2.3.4",
        "more": ["evil.example", {"type": "MD5", "value": "d41d8cd98f00b204e9800998ecf8427f"}],
        "country": "XX",
    },
}


def test_each_field_of_an_event_comes_from_its_rule() -> None:
    event = apply_mapping(mapping_of(ALARM), ALARMED)
    assert event.payload == {
        "event_name": "Beacon",
        "event_type": "ACME Alarm",
        "event_happened_at": 1633460462,
        "event_source": "ACME alarm",
        "event_attributes": [
            {"name": "Rule", "value": "R1"},
            {"name": "Tags", "value": "a"},
            {"name": "Tags", "value": "b"},
            {"name": "Severity", "value": "7"},
        ],
        "uri_source": [
            {"type": "IP Address", "value": "1.2.3.4"},
            {"type": None, "value": "evil.example"},
            {"type": "MD5", "value": "d41d8cd98f00b204e9800998ecf8427f"},
        ],
        "uri_source_attributes": [{"name": "Country", "value": "XX"}],
        "identity": ["ann", "bob"],
        "syslog_message": ALARMED,
    }
    assert (event.group_by, event.assets) == (("R1", "1.2.3.4"), ("dc01",))
    assert event.warnings == ()


def test_the_builder_takes_what_a_mapping_gives() -> None:
    event = apply_mapping(mapping_of(ALARM), ALARMED)
    plan = plan_event(event.payload, received_at=NOW, options=DialectOptions())
    assert (plan.title, plan.happened_at) == ("Beacon", "2021-10-05 19:01:02")
    assert [indicator.value for indicator in plan.indicators] == [
        "1.2.3.4",
        "evil.example",
        "d41d8cd98f00b204e9800998ecf8427f",
    ]
    assert plan.severity == "7"
    assert not plan.warnings


def test_each_element_is_an_event_and_keeps_what_it_needs_of_the_document() -> None:
    mapping = mapping_of(TRAIL)
    records = [{"name": "a"}, {"name": "b"}, "odd"]
    items = elements(mapping, {"account": "42", "Records": records})
    events = [apply_mapping(mapping, item) for item in items]
    assert [event.payload["event_name"] for event in events] == ["a", "b"]
    assert events[1].payload["event_attributes"] == [{"name": "Account", "value": "42"}]


@pytest.mark.parametrize(
    ("alarm", "reason"),
    [
        ({}, "acme-alarm.yaml:6: fields.event_name: `alarm.name` gives nothing for this document"),
        ({"name": ["a", "b"]}, "`alarm.name` gives an array, not a text"),
        ({"name": {"a": 1}}, "`alarm.name` gives an object, not a text"),
        ({"name": "x", "more": ["evil.example"] * 10_000}, f"more than {MOST_INDICATORS} indicators"),
        ({"name": "x", "tags": ["t"] * 10_000}, "more than 1000 attributes"),
        ({"name": "x", "user": ["t"] * 10_000}, "more than 1000 identity"),
    ],
)
def test_what_is_no_event_is_refused_with_mapping_line_and_expression(
    alarm: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InputError, match="mapping acme-alarm") as caught:
        apply_mapping(mapping_of(ALARM), {"vendor": "ACME", "alarm": alarm})
    assert reason in str(caught.value)


def test_a_wrong_type_in_a_field_that_an_event_can_do_without_is_left_out_and_told() -> None:
    alarm = {"name": "x", "severity": {"score": 7}}
    event = apply_mapping(mapping_of(ALARM), {"vendor": "ACME", "alarm": alarm})
    assert "event_attributes" not in event.payload
    assert event.warnings == (
        "left out: acme-alarm.yaml:9: fields.severity: `alarm.severity` gives an object, not a text",
    )


@pytest.mark.parametrize("time", ["yesterday", [1], {"a": 1}, True])
def test_what_is_no_time_costs_not_the_event(time: object) -> None:
    event = apply_mapping(mapping_of(ALARM), {"vendor": "ACME", "alarm": {"name": "x", "time": time}})
    assert "event_happened_at" not in event.payload
    assert len(event.warnings) == 1
    assert "`alarm.time` gives" in event.warnings[0]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(st.fixed_dictionaries(dict.fromkeys(ALARMED["alarm"], JSON)))
def test_whatever_stands_in_the_fields_it_is_an_event_or_a_refusal(alarm: dict[str, Any]) -> None:
    with suppress(InputError):
        event = apply_mapping(mapping_of(ALARM), {"vendor": "ACME", "alarm": alarm})
        plan = plan_event(event.payload, received_at=NOW, options=DialectOptions())
        assert plan.title
