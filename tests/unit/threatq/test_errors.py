"""Every way in which ThreatQ says no becomes one of our errors."""

from __future__ import annotations

import datetime as dt
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.errors import ConfigError, MissingRights, ServiceAway, TqError
from workers.core.http_failures import retry_after
from workers.threatq.errors import (
    MAX_WORDS,
    ServerFault,
    ServiceRefusal,
    blamed,
    failure,
    item_error,
    words,
)

CALL = "POST /api/events"
NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["data", "errors"]), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        # A: a field map under data
        ({"data": {"errors": {"name": ["The name is taken."]}}}, "name: The name is taken."),
        # B: a list at the top, with lists inside
        ({"errors": ["First", ["Second a", "Second b"]]}, "First; Second a; Second b"),
        # D: name and message
        ({"name": "ValidationError", "message": "no title"}, "no title"),
        # OAuth
        ({"error": "invalid_credentials", "error_description": "Wrong."}, "invalid_credentials; Wrong."),
        # nothing that we know
        ({}, ""),
        (["x"], ""),
        (None, ""),
    ],
)
def test_every_documented_shape_is_read(body: Any, said: str) -> None:
    assert words(body) == said


def test_a_field_map_names_the_blamed_fields() -> None:
    body = {"data": {"errors": {"title": ["is too long"], "type": ["is unknown"]}}}
    error = failure(400, body, {}, CALL)
    assert isinstance(error, ServiceRefusal)
    assert error.fields == blamed(body) == {"title": "is too long", "type": "is unknown"}
    assert "POST /api/events" in str(error)


@pytest.mark.parametrize("status", [400, 401, 404, 405, 409, 410, 422])
def test_what_the_request_causes_is_a_refusal_with_its_status(status: int) -> None:
    error = failure(status, {"errors": ["no"]}, {}, CALL)
    assert isinstance(error, ServiceRefusal)
    assert error.status == status
    assert error.is_absent == (status in (404, 405))


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_passes_is_away_and_says_after_how_long(status: int) -> None:
    error = failure(status, None, {"Retry-After": "7"}, CALL)
    assert isinstance(error, ServiceAway)
    assert isinstance(error, ServerFault) == (status == 500)
    assert (error.service, error.after) == ("threatq", 7.0)


def test_a_missing_right_and_a_redirect_are_for_the_administrator() -> None:
    assert isinstance(failure(403, {}, {}, CALL), MissingRights)
    error = failure(302, None, {"Location": "https://login.example/?code=1"}, CALL)
    assert isinstance(error, ConfigError)
    assert "https://login.example/;" in str(error)


def test_an_answer_of_success_that_holds_errors_is_a_refusal() -> None:
    assert isinstance(failure(201, {"errors": ["not created"]}, {}, CALL), ServiceRefusal)
    assert failure(201, {"data": [{"id": 1}]}, {}, CALL) is None


@given(body=JSON, status=st.integers(200, 599))
def test_no_body_breaks_the_reading_of_it(body: Any, status: int) -> None:
    error = failure(status, body, {}, CALL)
    assert isinstance(error, TqError) or (error is None and 200 <= status < 300)
    assert max(len(words(body)), len(item_error({"error": body}))) <= MAX_WORDS


def test_retry_after_is_read_as_seconds_and_as_a_date() -> None:
    assert retry_after("120", NOW) == 120.0
    assert retry_after(format_datetime(NOW + dt.timedelta(seconds=90), usegmt=True), NOW) == 90.0
    assert retry_after(format_datetime(NOW - dt.timedelta(seconds=90), usegmt=True), NOW) == 0.0
    assert retry_after("", NOW) is None


@given(st.text())
def test_retry_after_never_breaks_and_is_never_negative(text: str) -> None:
    seconds = retry_after(text, NOW)
    assert seconds is None or seconds >= 0


def test_behind_a_proxy_that_gave_up_threatq_may_still_be_at_work() -> None:
    gave_up, away = failure(504, {}, {}, CALL), failure(503, {}, {}, CALL)
    assert isinstance(gave_up, ServiceAway)
    assert isinstance(away, ServiceAway)
    assert (gave_up.busy_s, away.busy_s) == (30.0, 0.0)
