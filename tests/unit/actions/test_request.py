"""What an analyst asked for, read into an indicator."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.actions.request import read_request
from workers.core.errors import InputError
from workers.indicators.model import Attribute, Indicator
from workers.indicators.types import INDICATOR_TYPES

NAMES = [*INDICATOR_TYPES, "Bitcoin Wallet"]


def indicator(type_: str, value: str) -> Indicator:
    return read_request({"type": type_, "value": value}, NAMES).indicator


@pytest.mark.parametrize("type_", ["bitcoin wallet", "Bitcoin_Wallet", "BITCOINWALLET"])
def test_a_type_that_an_administrator_has_added_is_known(type_: str) -> None:
    assert indicator(type_, " 1BoatSLRHtKNngkdXEeobR76b53LETtpyT ") == Indicator(
        "Bitcoin Wallet", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"
    )


def test_a_type_that_this_threatq_lacks_lists_those_it_has() -> None:
    with pytest.raises(InputError, match="this ThreatQ has no IPv6 Address; it has FQDN, MD5"):
        read_request({"type": "ipv6", "value": "::1"}, ["FQDN", "MD5"])


@pytest.mark.parametrize(
    ("arguments", "field"),
    [({"type": "", "value": "x"}, "type"), ({"type": "FQDN", "value": " "}, "value"), ({}, "value")],
)
def test_what_is_missing_is_named(arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError, match=f"{field}: is missing"):
        read_request(arguments, NAMES)


def test_a_port_becomes_an_attribute() -> None:
    request = read_request({"type": "ip", "value": "8.8.8.8:53", "attributes": [["a", "b"]]}, NAMES)
    assert request.indicator.value == "8.8.8.8"
    assert request.attributes == (Attribute("Port", "53"), Attribute("a", "b"))


def test_a_url_is_looked_for_under_each_spelling_and_as_it_was_typed() -> None:
    values = read_request({"type": "URL", "value": "HTTP://Bad.Example/A"}, NAMES).values
    assert values == ("http://bad.example/A", "bad.example/A", "HTTP://Bad.Example/A")


@given(st.sampled_from(NAMES), st.text())
def test_any_value_makes_a_request_or_is_refused_with_its_field(type_: str, value: str) -> None:
    blamed = ""
    try:
        request = read_request({"type": type_, "value": value}, NAMES)
        assert request.indicator.value in request.values
    except InputError as error:
        blamed = error.field
    assert blamed in ("", "value")
