"""From an alarm to the plan of its sighting."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.errors import InputError
from workers.indicators.known_good.configured import private_only
from workers.indicators.model import Attribute, Indicator
from workers.payload.options import DialectOptions
from workers.payload.plan import EventPlan
from workers.payload.sightings import FIELDS, sighting_plan

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def plan(
    options: DialectOptions | None = None, date: str = "2020-08-25 20:20:20", **observed: str
) -> EventPlan:
    """The plan of an alarm that observed these fields."""
    alarm: dict[str, Any] = {
        "alarm_id": "123",
        "alarm_name": "ThreatQ Blocklist",
        "alarm_date": date,
        "observed": observed,
    }
    return sighting_plan(alarm, received_at=NOW, options=options or DialectOptions())


def test_an_alarm_becomes_a_sighting_with_its_id_its_name_and_what_was_observed() -> None:
    made = plan(SIP="156.86.198.45", DHostName="bad[.]example")
    assert made.type == "Sighting"
    assert made.title == "ThreatQ Blocklist (LogRhythm alarm 123)"
    assert made.happened_at == "2020-08-25 20:20:20"
    assert made.source == "LogRhythm"
    assert made.attributes == (
        Attribute("Alarm ID", "123"),
        Attribute("Alarm Name", "ThreatQ Blocklist"),
        Attribute("IP Address (Origin)", "156.86.198.45"),
        Attribute("Host (Impacted)", "bad.example"),
    )
    assert made.indicators == (Indicator("IP Address", "156.86.198.45"), Indicator("FQDN", "bad.example"))


@pytest.mark.parametrize(
    ("field", "value", "type_", "normal"),
    [
        ("DIP", "2001:0DB8::1", "IPv6 Address", "2001:db8::1"),
        # A host field may hold an address
        ("SHostName", "8.8.8.8", "IP Address", "8.8.8.8"),
        ("Sender", "Mallory <Mallory@Bad.Example>", "Email Address", "Mallory@bad.example"),
        ("URL", "hxxp://Bad[.]example/A", "URL", "http://bad.example/A"),
        ("Object", "9E107D9D372BB6826BD81D3542A419D6", "MD5", "9e107d9d372bb6826bd81d3542a419d6"),
        ("Object", "evil.exe", "Filename", "evil.exe"),
        ("Object", "http://bad.example/a", "URL", "http://bad.example/a"),
        ("Object", r"C:\Windows\evil.dll", "File Path", r"C:\Windows\evil.dll"),
    ],
)
def test_each_field_is_recognised(field: str, value: str, type_: str, normal: str) -> None:
    assert [(indicator.type, indicator.value) for indicator in plan(**{field: value}).indicators] == [
        (type_, normal)
    ]


@pytest.mark.parametrize(("field", "value"), [("Object", "logon failed for bob"), ("SHostName", "web01")])
def test_what_is_no_indicator_stays_an_attribute(field: str, value: str) -> None:
    made = plan(**{field: value})
    assert made.indicators == ()
    assert Attribute(FIELDS[field].label, value) in made.attributes
    assert [left.kept_as for left in made.left_out] == ["attribute"]


def test_several_recipients_are_several_indicators() -> None:
    assert len(plan(Recipient="a@x.example; b@y.example").indicators) == 2


@pytest.mark.parametrize("become", ["asset", "attribute", "drop"])
def test_a_private_address_follows_the_setting_and_never_becomes_an_indicator(become: Any) -> None:
    options = DialectOptions(known_good=private_only("10.0.0.0/8"), private_become=become)
    made = plan(options, SIP="10.1.2.3", DIP="8.8.8.8")
    kept = Attribute("IP Address (Origin)", "10.1.2.3") in made.attributes
    assert made.indicators == (Indicator("IP Address", "8.8.8.8"),)
    assert (made.assets, kept) == (("10.1.2.3",) if become == "asset" else (), become != "drop")


def test_a_date_without_zone_is_in_the_configured_zone() -> None:
    made = plan(DialectOptions(zone=ZoneInfo("America/New_York")))
    assert made.happened_at == "2020-08-26 00:20:20"


def test_an_alarm_without_a_date_happened_when_it_was_received() -> None:
    made = plan(date=" ")
    assert made.happened_at == "2026-01-02 03:04:05"
    assert made.warnings


def test_a_date_in_another_format_says_what_to_set() -> None:
    with pytest.raises(InputError, match=r"alarm_date.*yyyy-MM-dd HH:mm:ss"):
        plan(date="25.08.2020 8 pm")


@pytest.mark.parametrize("field", ["alarm_id", "alarm_name"])
def test_an_alarm_without_id_or_name_is_refused(field: str) -> None:
    alarm = {"alarm_id": "1", "alarm_name": "x", "alarm_date": "2020-08-25 20:20:20", field: " "}
    with pytest.raises(InputError, match=field):
        sighting_plan(alarm, received_at=NOW, options=DialectOptions())


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), st.text()))
def test_whatever_was_observed_makes_a_plan(observed: dict[str, str]) -> None:
    made = plan(**observed)
    assert made.attributes[:2] == (Attribute("Alarm ID", "123"), Attribute("Alarm Name", "ThreatQ Blocklist"))
