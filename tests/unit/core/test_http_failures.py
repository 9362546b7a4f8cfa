"""What it means that a service gave no answer: the same for both services, in words that name the setting."""

from __future__ import annotations

import datetime as dt
import math

import pytest
import requests
from hypothesis import given
from hypothesis.strategies import from_regex, text
from requests import exceptions

from workers.core.errors import ConfigError, Dropped, ServiceAway, TqError
from workers.core.http_failures import Remote, no_answer, retry_after
from workers.logrhythm.transport import LOGRHYTHM
from workers.threatq.transport import THREATQ

#: What looks like a date of HTTP's.
DATE = r"(Mon, )?[0-9]{1,2} (Jan|Foo) [0-9]{1,6} [0-9]{1,3}:[0-9]{1,3}:[0-9]{1,3} ([+-][0-9]{1,6}|GMT|X)"

UNVERIFIED = "SSLError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {} (_ssl.c:1)')"


@pytest.mark.parametrize("remote", [THREATQ, LOGRHYTHM], ids=lambda remote: remote.name)
@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (exceptions.SSLError(UNVERIFIED.format("self-signed certificate")), ConfigError, "_ca_file: "),
        (exceptions.SSLError(UNVERIFIED.format("self-signed certificate")), ConfigError, "(self-signed cert"),
        (exceptions.SSLError("wrong version number"), ServiceAway, "is that the host and port of"),
        (exceptions.ProxyError("refused"), ServiceAway, "_proxy"),
        (exceptions.ConnectTimeout(), ServiceAway, "does not take a connection within 2 s"),
        (exceptions.ReadTimeout(), ServiceAway, "does not answer GET /x within 30 s"),
        (exceptions.InvalidProxyURL(), ConfigError, "_url: cannot be called"),
        (exceptions.InvalidHeader(), ConfigError, "_url: cannot be called"),
        (exceptions.ConnectionError("('Connection aborted.', ...)"), Dropped, "broke during GET /x"),
        (exceptions.ChunkedEncodingError(), Dropped, "broke during GET /x"),
        (exceptions.ConnectionError("refused"), ServiceAway, "cannot be reached for GET /x"),
    ],
)
def test_each_way_to_get_no_answer_is_one_error(
    remote: Remote, error: requests.RequestException, kind: type[TqError], words: str
) -> None:
    found = no_answer(error, remote, "GET /x", (2, 30))
    assert type(found) is kind
    assert words in str(found)
    assert remote.name in str(found)


@given(text() | from_regex(r"[+-]?[0-9]{1,12}([.][0-9]+)?") | from_regex(DATE))
def test_whatever_a_service_writes_into_retry_after_is_a_time_or_nothing(value: str) -> None:
    seconds = retry_after(value)
    assert seconds is None or 0 <= seconds < math.inf


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120), ("Fri, 27 Nov 2026 00:01:00 GMT", 60), ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("-5", None)],
)
def test_retry_after_is_a_number_of_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after(value, dt.datetime(2026, 11, 27, tzinfo=dt.UTC)) == seconds


def test_only_a_service_that_would_do_it_twice_is_given_time_to_end_it() -> None:
    busy = [
        no_answer(exceptions.ReadTimeout(), remote, "POST /x", (2, 30)) for remote in (THREATQ, LOGRHYTHM)
    ]
    assert [error.busy_s for error in busy if isinstance(error, ServiceAway)] == [30, 0]
