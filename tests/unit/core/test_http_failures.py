"""What it means that a service gave no answer: the same for both services, in words that name the setting."""

from __future__ import annotations

import pytest
import requests
from requests import exceptions

from workers.core.errors import ConfigError, Dropped, ServiceAway, TqError
from workers.core.http_failures import Remote, no_answer
from workers.logrhythm.transport import LOGRHYTHM
from workers.threatq.transport import THREATQ

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


def test_only_a_service_that_would_do_it_twice_is_given_time_to_end_it() -> None:
    busy = [
        no_answer(exceptions.ReadTimeout(), remote, "POST /x", (2, 30)) for remote in (THREATQ, LOGRHYTHM)
    ]
    assert [error.busy_s for error in busy if isinstance(error, ServiceAway)] == [30, 0]
