"""What the entries refuse of an action, and what they leave to a worker."""

from __future__ import annotations

from typing import Any

import pytest

from workers.actions.check import check_action
from workers.core.errors import InputError
from workers.ledger.known_names import UNKNOWN, KnownNames, read_names
from workers.payload.options import DialectOptions, from_settings
from workers.settings.model import Settings

OPTIONS = DialectOptions()

#: A ThreatQ that lacks most types and has one of its own.
TOLD = KnownNames(("IP Address", "FQDN", "Badge Number"), private_ips="10.0.0.0/8")


def refusal(kind: str, known: KnownNames, **arguments: Any) -> str:
    """Why an action is refused, "" where it is not."""
    try:
        check_action(kind, arguments, known, OPTIONS)
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("kind", ["add", "lookup", "mark", "whitelist"])
@pytest.mark.parametrize(
    ("type_", "value", "why"),
    [
        # a typo
        ("IP Adress", "1.2.3.4", 'Did you mean "IP Address"'),
        # a typo of a type that this ThreatQ alone has
        ("Badge Numbr", "7", 'Did you mean "Badge Number"'),
        # a type that other ThreatQs have
        ("MD5", "9e107d9d372bb6826bd81d3542a419d6", "this ThreatQ has no MD5"),
        # a value that cannot be
        ("ip", "web 01", "is no indicator of type IP Address"),
    ],
)
def test_what_cannot_be_is_refused_with_the_remedy(kind: str, type_: str, value: str, why: str) -> None:
    assert why in refusal(f"indicators.{kind}", TOLD, type=type_, value=value, verdict="true positive")


@pytest.mark.parametrize(
    ("kind", "refused"), [("add", True), ("mark", True), ("lookup", False), ("whitelist", False)]
)
def test_a_private_address_is_refused_where_it_would_become_an_indicator(kind: str, refused: bool) -> None:
    why = refusal(f"indicators.{kind}", TOLD, type="IP Address", value="10.1.2.3", verdict="true positive")
    assert ("10.1.2.3 is a private address" in why) == refused


@pytest.mark.parametrize(
    ("type_", "value"),
    [("badge-number", "7"), ("domain", "bad[.]example"), ("IP Address", "77.77.77.77")],
)
def test_what_threatq_knows_passes_however_it_is_written(type_: str, value: str) -> None:
    assert refusal("indicators.add", TOLD, type=type_, value=value) == ""


@pytest.mark.parametrize(
    ("type_", "value"),
    # a type that an administrator may have added; an address that may be private; a type that there usually is
    [("IP Adress", "1.2.3.4"), ("IP Address", "10.1.2.3"), ("MD5", "9e107d9d372bb6826bd81d3542a419d6")],
)
def test_what_only_a_worker_can_tell_passes_while_no_worker_has_told_it(type_: str, value: str) -> None:
    assert refusal("indicators.add", UNKNOWN, type=type_, value=value) == ""


@pytest.mark.parametrize(
    ("kind", "force", "allowed", "why"),
    [
        ("indicators.add", False, False, "google.com is on the list top-domains"),
        ("indicators.add", True, False, "is not allowed here"),
        ("indicators.add", True, True, ""),
        # It may be in ThreatQ already
        ("indicators.mark", False, False, ""),
        ("indicators.lookup", False, False, ""),
    ],
)
def test_a_known_good_value_is_refused_where_it_would_be_added(
    kind: str, force: bool, allowed: bool, why: str
) -> None:
    arguments = {"type": "FQDN", "value": "Google[.]com", "verdict": "false positive", "force": force}
    options = from_settings(Settings(known_good_override=allowed))
    refused = ""
    try:
        check_action(kind, arguments, UNKNOWN, options)
    except InputError as error:
        refused = str(error)
    assert why in refused
    assert bool(why) == bool(refused)


def test_a_value_that_cannot_be_is_refused_even_then() -> None:
    assert "is no indicator of type FQDN" in refusal("indicators.add", UNKNOWN, type="FQDN", value="a b")


def test_an_alarm_whose_date_cannot_be_read_is_refused() -> None:
    alarm = {"alarm_id": "7", "alarm_name": "Beacon"}
    assert refusal("sightings.add", UNKNOWN, **alarm, alarm_date="2026-11-20 10:00:00") == ""
    assert "set the Time Format" in refusal("sightings.add", UNKNOWN, **alarm, alarm_date="yesterday")


@pytest.mark.parametrize("text", [None, b"", b"{", b"[]", b'{"types": 7}', b"\xff"])
def test_names_that_cannot_be_read_count_as_not_known(text: bytes | None) -> None:
    assert read_names(text).types == ()


def test_names_are_read_as_they_were_told() -> None:
    names = read_names(TOLD.as_text().encode())
    assert (names.types, names.private_ips, names.creates) == (TOLD.types, "10.0.0.0/8", True)
