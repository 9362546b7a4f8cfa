"""A document of no known form says what it is by the usual names of title, time, type and person."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.mappings.generic import guess


@pytest.mark.parametrize(
    ("document", "title"),
    [
        ({"rule_name": "Beacon", "title": "x"}, "Beacon"),
        ({"alert": {"signature": "ET MALWARE"}}, "ET MALWARE"),
        ({"eventType": "user.session.start"}, "user.session.start"),
        # A bare verb gets what it was done to beside it.
        ({"event": {"action": "DELETE", "category": "ROLES"}}, "DELETE ROLES"),
        # Numbers, ids and links are no titles.
        (
            {"title": "4711", "name": "7d1c5c6e-5d0e-4c0e-9a64-0c9fd0a34c11", "message": "Odd login"},
            "Odd login",
        ),
        ({"title": "https://example.com/x"}, None),
        # What says nothing of this detection comes last.
        ({"event_type": "alerts", "threat": "None", "description": "Program changed"}, "Program changed"),
        ({"type": "THREAT", "title": "unknown"}, "THREAT"),
        # A name of several words comes before a description, if it is the document's own.
        ({"name": "Odd admin logon", "description": "Raised for a logon"}, "Odd admin logon"),
        ({"user": {"name": "Mia Ott"}, "description": "Raised for a logon"}, "Raised for a logon"),
        ({"title": "a\n  b"}, "a b"),
        # Of several lines the first says what happened; the others are its fields.
        ({"message": "Dns query:\r\nUtcTime: -\r\nImage: a.exe"}, "Dns query"),
        # So short a verb gets the type beside it, a longer word does not.
        ({"action": "add", "type": "Notification"}, "add Notification"),
        ({"action": "SecretRead", "type": "Diagnostics"}, "SecretRead"),
        ({"FailureReason": "15039 Rejected by profile", "step": "1"}, "15039 Rejected by profile"),
        ({"MakerAlertName": "Beacon", "message": "Seen"}, "Beacon"),
        ({"detection": "Odd scan", "src_host": {"name": "ws-17"}}, "Odd scan"),
        # The name of something inside is none of the document.
        ({"host": {"name": "ws-17"}}, None),
        ({"description": '#{"label": "x"}', "details": '{"rule": {"name": "Beacon"}}'}, "Beacon"),
        ({}, None),
    ],
)
def test_the_surest_name_is_the_title(document: dict[str, Any], title: str | None) -> None:
    assert guess(document)["title"] == title


@pytest.mark.parametrize(
    ("document", "time"),
    [
        ({"createdAt": "2026-03-04", "event": {"time": "2026-03-04T05:06:07Z"}}, "2026-03-04T05:06:07Z"),
        ({"timestamp": 1772600767123}, 1772600767123),
        # A number that counts something, and a text that is no time.
        ({"time": 17, "created": "yesterday", "ts": 1772600767}, 1772600767),
        ({"detail": {"detectedAt": "2026-03-04T05:06:07Z"}}, "2026-03-04T05:06:07Z"),
        # A vendor's own name before a usual one.
        ({"AcmeDetectionTime": "2026-03-04T05:06:07Z", "boottime": 1772600767}, "2026-03-04T05:06:07Z"),
        ({"time": True}, None),
        # Any field that holds a day and a time of day, where no name is one of a time; then prose.
        (
            {"backend_last_change": "2026-03-04T05:06:07Z", "license_valid": "2027-01-01T00:00:00Z"},
            "2026-03-04T05:06:07Z",
        ),
        ({"license_valid": "2027-01-01T00:00:00Z"}, None),
        ({"message": "Refused [04/Mar/2026:05:06:07 +0100] by rule 7"}, "04/Mar/2026:05:06:07 +0100"),
        # The day, the time of day and the zone stand apart, or the zone alone does.
        ({"date": "2026-03-04", "time": "05:06:07", "tz": "+0100"}, "2026-03-04 05:06:07 +0100"),
        ({"time": "2026-03-04 05:06:07", "timezone": "CET"}, "2026-03-04 05:06:07 CET"),
        ({"time": "2026-03-04T05:06:07Z", "tz": "+0100"}, "2026-03-04T05:06:07Z"),
        ({"expiration_time": "2027-03-04", "first_timestamp": "2026-03-04"}, "2026-03-04"),
        ({"syslog": {"time": "2026-03-04T05:06:07Z"}, "msg": "x"}, "2026-03-04T05:06:07Z"),
    ],
)
def test_the_first_field_that_is_a_time_is_the_time(document: dict[str, Any], time: object) -> None:
    assert guess(document)["time"] == time


@pytest.mark.parametrize(
    ("document", "person"),
    [
        ({"actor": {"type": "user", "email": "mia@corp.example", "id": "17"}}, "mia@corp.example"),
        ({"actor": {"user": {"email": "mia@corp.example"}}}, "mia@corp.example"),
        ({"USER_NAME": "MIA", "email": "x@corp.example"}, "MIA"),
        ({"users": [{"name": "mia"}, {"name": "leo"}]}, "mia"),
        ({"user": 17}, None),
        ({"MakerUserName": "mia"}, "mia"),
    ],
)
def test_the_surest_name_of_a_person_is_the_identity(document: dict[str, Any], person: str | None) -> None:
    assert guess(document)["person"] == person


def test_what_is_nearest_to_the_top_counts() -> None:
    assert guess({"inner": {"severity": "low"}, "severity": "high"})["severity"] == "high"


@given(
    st.dictionaries(
        st.sampled_from(["title", "time", "user", "type", "severity", "event", "source"]),
        st.none() | st.text() | st.integers() | st.floats() | st.lists(st.text()),
    )
)  # fmt: skip
def test_any_document_can_be_asked(document: dict[str, Any]) -> None:
    assert set(guess(document)) == {"title", "type", "time", "person", "severity", "source", "line"}


def test_what_became_of_it_is_no_title_where_a_reason_is_given() -> None:
    assert (
        guess({"action": "allow", "reason": "A rule for guests matched"})["title"]
        == "A rule for guests matched"
    )
