"""A thousand benign and own values are planted, of which none becomes an indicator; and a thousand malicious ones."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.support.planted import OWN_ASSETS, benign, malicious
from workers.indicators.model import Indicator
from workers.payload.builder import plan_event
from workers.payload.indicator_fields import read_uris
from workers.payload.options import from_settings
from workers.payload.plan import EventPlan
from workers.payload.sightings import FIELDS, sighting_plan
from workers.settings.model import Settings

NOW = datetime(2026, 1, 2, tzinfo=UTC)
OPTIONS = from_settings(Settings(own_assets=OWN_ASSETS))


def planned(value: str) -> EventPlan:
    """The plan of a payload that names this value."""
    payload = {"event_name": "Beacon", "event_type": "Alert", "uri_target": value}
    return plan_event(payload, received_at=NOW, options=OPTIONS)


def sighted(field: str, value: str) -> EventPlan:
    """The plan of an alarm that observed this value."""
    return sighting_plan(
        {"alarm_id": 7, "alarm_name": "Beacon", "observed": {field: value}}, received_at=NOW, options=OPTIONS
    )


def test_no_benign_value_becomes_an_indicator_of_a_payload() -> None:
    values = benign()
    assert len(values) >= 1_000
    assert [value for value in values if planned(value).indicators] == []


@pytest.mark.parametrize("field", FIELDS)
def test_no_benign_value_becomes_an_indicator_of_a_sighting(field: str) -> None:
    wrong = [
        (value, made.indicators)
        for value in benign()[::7]
        # What an address field holds that is no address is an indicator of no type.
        for made in [sighted(field, value)]
        if made.indicators
    ]
    assert wrong == []


def test_no_malicious_value_is_lost_by_a_payload() -> None:
    values = malicious()
    assert len(values) >= 1_000
    lost = [value for value in values if _values(planned(value)) != _values_of(value)]
    assert lost == []


def test_no_malicious_value_is_lost_among_benign_ones() -> None:
    good, bad = benign(), malicious()
    mixed = planned("\n".join(f"{left}\n{right}" for left, right in zip(good, bad, strict=False)))
    assert _values(mixed) == {pair for value in bad[: len(good)] for pair in _values_of(value)}


def _values(plan: EventPlan) -> set[tuple[str, str]]:
    return {(indicator.type, indicator.value) for indicator in plan.indicators}


def _values_of(value: str) -> set[tuple[str, str]]:
    readings = read_uris(value)
    assert len(readings) == 1
    assert isinstance(readings[0], Indicator), value
    return {(readings[0].type, readings[0].value)}
