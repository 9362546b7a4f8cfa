"""STIX patterns and MISP attributes give the indicators that they name, by ThreatQ's types."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.mappings.observables import misp_values, stix_objects, stix_pattern


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[ipv4-addr:value = '203.0.113.7']", [("IP Address", "203.0.113.7")]),
        (
            "[domain-name:value='a.evil.example' OR url:value = 'http://a.evil.example/'] FOLLOWEDBY "
            "[file:hashes.MD5 = '0a0a']",
            [("FQDN", "a.evil.example"), ("URL", "http://a.evil.example/"), ("MD5", "0a0a")],
        ),
        ("[file:hashes.'SHA-256' = 'ab' AND file:name = 'a\\'b.exe']", [("SHA-256", "ab"), ("Filename", "a'b.exe")]),
        # What no type of ThreatQ holds, and what is no comparison for equality.
        ("[process:pid = 'x' AND ipv4-addr:value != '203.0.113.7']", []),
    ],
)  # fmt: skip
def test_a_pattern_gives_what_it_compares_with(pattern: str, expected: list[tuple[str, str]]) -> None:
    assert [(item["type"], item["value"]) for item in stix_pattern(pattern)] == expected


def test_observed_objects_give_values_and_hashes() -> None:
    objects = [
        {"type": "ipv4-addr", "value": "203.0.113.7"},
        {"type": "file", "name": "a.exe", "hashes": {"SHA-1": "ab", "TLSH": "x", "MD5": 7}},
        {"type": "identity", "name": "Example"},
        "odd",
    ]
    assert stix_objects(objects) == [
        {"type": "IP Address", "value": "203.0.113.7"},
        {"type": "Filename", "value": "a.exe"},
        {"type": "SHA-1", "value": "ab"},
    ]


def test_attributes_that_are_no_sign_of_an_intrusion_are_left_out() -> None:
    attributes = [
        {"type": "ip-dst|port", "value": "203.0.113.7|443"},
        {"type": "domain", "value": "benign.example", "to_ids": False},
        {"type": "domain", "value": "evil.example", "to_ids": True},
        {"type": "comment", "value": "x"},
        {"type": "md5"},
        None,
    ]
    assert misp_values(attributes) == [
        {"type": "IP Address", "value": "203.0.113.7"},
        {"type": "FQDN", "value": "evil.example"},
    ]


@given(st.text())
def test_any_text_can_be_read_as_a_pattern(text: str) -> None:
    assert all(item["type"] for item in stix_pattern(f"[ipv4-addr:value = '{text}"))
