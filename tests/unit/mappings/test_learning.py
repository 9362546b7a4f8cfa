"""A draft from samples is a mapping that can be used, and names what a person must decide."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.mappings import ALARM, DOCUMENT, mapping_of, mappings_of
from workers.mappings.apply import apply_mapping
from workers.mappings.explaining import explain_document
from workers.mappings.functions import FUNCTIONS
from workers.mappings.learning import draft
from workers.mappings.reading import read_mapping


def sample(number: int) -> dict[str, Any]:
    return {
        "product": "Wall",
        "title": f"Blocked {number}",
        "timestamp": "2026-01-02T03:04:05Z",
        "severity": "high",
        "connection": {"src_ip": f"198.51.100.{number}", "action": "deny"},
        "we ird": [number],
    }


def test_a_draft_finds_title_time_severity_and_what_is_constant() -> None:
    mapping = mapping_of(draft([sample(1), sample(2)], "wall"))
    assert mapping.match.text.startswith("product == 'Wall' && ")
    event = apply_mapping(mapping, sample(3))
    assert event.payload["event_name"] == "Blocked 3"
    assert event.payload["event_happened_at"] == "2026-01-02T03:04:05Z"
    assert {"name": "Severity", "value": "high"} in event.payload["event_attributes"]
    assert [item["value"] for item in event.payload["uri_source"]] == ["198.51.100.3"]
    assert {"name": "connection action", "value": "deny"} in event.payload["event_attributes"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@example([{"": "\x7f"}])
@given(st.lists(st.dictionaries(st.text(max_size=6), JSON, max_size=5), min_size=1, max_size=3))
def test_a_draft_of_any_samples_can_be_read(samples: list[dict[str, Any]]) -> None:
    assert read_mapping(draft(samples, "any"), "any.yaml", FUNCTIONS, name="any").version == 1


@pytest.mark.parametrize("name", ["a\x7fb", "\x85é", "\u2028", "\U0001f512\x00", "\ud800x", 'say "\x1f\\"'])
def test_a_draft_takes_the_value_of_a_field_with_a_name_that_cannot_be_printed(name: str) -> None:
    mapping = mapping_of(draft([{name: "high", "title": "Blocked"}], "odd"))
    event = apply_mapping(mapping, {name: "low", "title": "Blocked"})
    assert "low" in [item["value"] for item in event.payload["event_attributes"]]


def test_an_explanation_names_each_rule_its_value_and_what_none_took() -> None:
    mapping = mapping_of(ALARM)
    explanation = explain_document(mapping, {**DOCUMENT, "more": {"left": "over"}})
    by_field = {rule.field: rule.value for rule in explanation.rules}
    assert by_field["event_name"] == "Beacon"
    assert by_field["event_type"] == "ACME Alarm"
    assert explanation.left_out == {"vendor": "ACME", "more.left": "over"}
    (name,) = [rule for rule in explanation.rules if rule.field == "event_name"]
    assert name.place == "acme-alarm.yaml:6: fields.event_name"


def test_a_draft_is_chosen_for_its_samples() -> None:
    samples = [sample(1), sample(2)]
    chosen = mappings_of(ALARM, draft(samples, "wall")).choose(samples[0])
    assert chosen is not None
    assert chosen.name == "wall"
