"""What becomes of a value that is known to be good or ours: in the event, in the result, and by the sender's wish."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from workers.core.results import LeftOut
from workers.indicators.model import Attribute, Indicator
from workers.payload.builder import plan_event
from workers.payload.options import from_settings
from workers.payload.plan import EventPlan
from workers.payload.sightings import sighting_plan
from workers.settings.model import Settings

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

GOOGLE = "on the list top-domains (sites that many people visit)"


def plan(settings: Settings, **fields: Any) -> EventPlan:
    """The plan of a payload with these fields."""
    payload = {"event_name": "Beacon", "event_type": "Alert", "event_happened_at": "2026-01-02 03:04:05"}
    return plan_event(payload | fields, received_at=NOW, options=from_settings(settings))


def sighting(settings: Settings, **observed: str) -> EventPlan:
    """The plan of an alarm that observed these fields."""
    alarm = {"alarm_id": "7", "alarm_name": "Beacon", "observed": observed}
    return sighting_plan(alarm, received_at=NOW, options=from_settings(settings))


def test_a_known_good_value_is_named_in_event_and_result_with_its_list() -> None:
    made = plan(Settings(), uri_target="google.com, evil.ru")
    assert [indicator.value for indicator in made.indicators] == ["evil.ru"]
    assert made.attributes == (Attribute("Target Known Good", "google.com (top-domains)"),)
    assert made.left_out == (LeftOut("google.com", GOOGLE, "attribute"),)
    assert made.assets == ()


def test_a_value_of_a_cloud_stays_an_indicator_that_says_so() -> None:
    (indicator,) = plan(Settings(), uri_target="52.95.110.1:443").indicators
    assert Attribute("Warning List", "addresses of Amazon AWS") in indicator.attributes


@pytest.mark.parametrize(
    ("value", "label", "asset", "identity", "kept_as"),
    [
        ("10.1.2.3", "Private Address", "10.1.2.3", "", "asset"),
        ("https://vpn.corp.ru/x", "Own Asset", "vpn.corp.ru", "", "asset"),
        ("ann@corp.ru", "Own Asset", "", "ann@corp.ru", "identity"),
    ],
)
def test_what_is_ours_becomes_an_asset_and_an_address_of_ours_an_identity(
    value: str, label: str, asset: str, identity: str, kept_as: str
) -> None:
    made = plan(Settings(own_assets="corp.ru"), uri_source=value)
    assert made.indicators == ()
    assert made.attributes == (Attribute(f"Source {label}", value),)
    assert made.assets == ((asset,) if asset else ())
    assert made.identities == ((identity,) if identity else ())
    assert made.left_out[0].kept_as == kept_as


@pytest.mark.parametrize("asked", [True, "true", "google.com", ["hxxp://other[.]ru", "Google[.]com"]])
def test_a_payload_overrules_the_lists_where_the_setting_allows_it(asked: Any) -> None:
    made = plan(Settings(known_good_override=True), uri_target="google.com", allow_known_good=asked)
    assert made.indicators == (
        Indicator(
            "FQDN",
            "google.com",
            (Attribute("Warning List", "sites that many people visit"), Attribute("Role", "Target")),
        ),
    )
    assert made.warnings == ()


@pytest.mark.parametrize(
    ("settings", "value", "warns"),
    [
        # not allowed
        (Settings(), "google.com", True),
        # another value is meant
        (Settings(known_good_override=True), "8.8.8.8", False),
        # ours stays ours
        (Settings(known_good_override=True), "10.1.2.3", False),
    ],
)
def test_a_payload_overrules_nothing_else(settings: Settings, value: str, warns: bool) -> None:
    made = plan(settings, uri_target=value, allow_known_good=["google.com", "10.1.2.3"])
    assert made.indicators == ()
    assert ("known_good_override" in " ".join(made.warnings)) == warns


def test_a_sighting_keeps_out_what_is_known_and_what_is_ours_and_shows_both() -> None:
    made = sighting(
        Settings(own_assets="corp.ru"),
        SIP="10.1.2.3",
        DIP="8.8.8.8",
        Recipient="ann@corp.ru",
        URL="http://evil.ru/x",
    )
    assert [indicator.value for indicator in made.indicators] == ["http://evil.ru/x"]
    assert made.assets == ("10.1.2.3",)
    assert made.identities == ("ann@corp.ru",)
    assert Attribute("IP Address (Impacted)", "8.8.8.8") in made.attributes
    assert Attribute("Known Good", "8.8.8.8 (dns-servers)") in made.attributes
    assert [left.what for left in made.left_out] == ["10.1.2.3", "8.8.8.8", "ann@corp.ru"]


def test_a_setting_says_which_fields_of_an_alarm_are_ours_by_their_role() -> None:
    observed = {"SIP": "77.77.77.77", "DIP": "77.77.77.78", "DHostName": "web.other.ru"}
    assert len(sighting(Settings(), **observed).indicators) == 3
    made = sighting(Settings(sighting_own_fields="DIP, DHostName"), **observed)
    assert [indicator.value for indicator in made.indicators] == ["77.77.77.77"]
    assert made.assets == ("77.77.77.78", "web.other.ru")
    assert made.left_out[0] == LeftOut("77.77.77.78", "ours", "asset")
