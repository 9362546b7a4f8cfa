"""Connections that send nothing, or send without end, cost a sender with a token nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.crowd import crowd, files_allowed, is_closed
from tests.support.producers import SCRAPER, Shim, event, read_answer
from tests.support.waiting import until

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]

#: What holds a connection open, by name.
HOSTILE = {
    "idle": b"",
    "head that does not end": b"POST /v1/events HTTP/1.1\r\nHost: tq\r\n",
    "body without a token": b"POST /v1/events HTTP/1.1\r\nHost: tq\r\nContent-Length: 9000\r\n\r\n{",
    "form that does not end": b"POST /sign-in HTTP/1.1\r\nHost: tq\r\nContent-Length: 900\r\n\r\ntoken=",
    "form of the page": b"POST /replay HTTP/1.1\r\nHost: tq\r\nCookie: tq="
    + b"a" * 43
    + b"\r\nContent-Length: 900\r\n\r\nall=",
    "answers that are not read": b"GET /openapi.json HTTP/1.1\r\nHost: tq\r\n\r\n" * 4,
}


def metric(shim: Shim, name: str) -> float:
    """Return a number of the entry point's metrics; 0 for what has not been counted."""
    text = shim.call("GET", "/metrics", token=SCRAPER).text
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_crowd_without_a_token_refuses_no_sender(kind: str, shim: Shim) -> None:
    # Given more connections of one kind than there are places for requests
    with crowd(shim.port, 540, HOSTILE[kind]):
        # When a sender sends over connections of its own
        statuses = [shim.post("/v1/events", event(number)).status_code for number in range(20)]
    # Then everything is accepted
    assert statuses == [202] * 20


def test_at_the_usual_limit_of_files_idle_connections_reset_no_sender(redis_url: str, tmp_path: Path) -> None:
    # Given a process that was started with 1,024 files, as most are
    with files_allowed(1_024):
        shim = Shim(tmp_path, redis_url, http_max_connections_per_address="4000")
    # When 1,100 connections are open
    with shim, crowd(shim.port, 1_100):
        # Then a sender is served, and the metric tells of all of them
        assert shim.post("/v1/events", event(1)).status_code == 202
        assert metric(shim, "tq_http_connections") > 1_100


def test_above_the_limit_the_oldest_connection_without_a_token_makes_room(
    redis_url: str, tmp_path: Path
) -> None:
    with (
        Shim(tmp_path, redis_url, http_max_connections="20") as shim,
        crowd(shim.port, 1) as (sender,),
        crowd(shim.port, 1) as (oldest,),
    ):
        # Given a sender that keeps its connection
        request = f"GET /metrics HTTP/1.1\r\nHost: tq\r\nAuthorization: Bearer {SCRAPER}\r\n\r\n".encode()
        sender.sendall(request)
        assert read_answer(sender)[0] == 200
        # When more connections come than there is room for
        with crowd(shim.port, 40) as links:
            # Then the oldest of them are closed, and it goes on over its own
            assert is_closed(oldest)
            assert is_closed(links[0])
            sender.sendall(request)
            assert read_answer(sender)[0] == 200
            # And another sender gets a new one
            assert shim.post("/v1/events", event(1)).status_code == 202
            assert metric(shim, 'tq_http_connections_closed_total{reason="too_many"}') >= 20
    # And the log says so, once and not for each
    log = (tmp_path / "tq-http-shim.log").read_text()
    assert 1 <= log.count("reason='too_many'") <= 3


def test_one_address_has_a_bound_of_its_own(redis_url: str, tmp_path: Path) -> None:
    with (
        Shim(tmp_path, redis_url, http_max_connections_per_address="10") as shim,
        crowd(shim.port, 1, address="127.0.0.2") as (neighbour,),
        crowd(shim.port, 11, address="127.0.0.3") as links,
    ):
        assert is_closed(links[0])
        neighbour.sendall(b"GET /healthz HTTP/1.1\r\nHost: tq\r\n\r\n")
        assert neighbour.recv(100).startswith(b"HTTP/1.1 200")
        assert metric(shim, 'tq_http_connections_closed_total{reason="too_many_of_address"}') == 1


def test_a_trusted_proxy_has_no_such_bound(redis_url: str, tmp_path: Path) -> None:
    settings = {"http_max_connections_per_address": "10", "http_trusted_proxies": "127.0.0.0/30"}
    with Shim(tmp_path, redis_url, **settings) as shim, crowd(shim.port, 30, address="127.0.0.3"):
        until(lambda: metric(shim, "tq_http_connections") > 30)
        assert metric(shim, 'tq_http_connections_closed_total{reason="too_many_of_address"}') == 0


def test_a_form_that_does_not_come_is_given_up_after_seconds(shim: Shim) -> None:
    # When a form ends within
    status, headers, _ = shim.raw(HOSTILE["form that does not end"])
    # Then its sender is asked to come later, long before the time that a body gets
    assert (status, headers["retry-after"]) == (503, "1")
    assert metric(shim, 'tq_http_connections_closed_total{reason="slow_form"}') >= 1


def test_a_form_of_the_page_is_read_only_within_a_session(shim: Shim) -> None:
    # A request whose body never comes is answered at once.
    status, headers, _ = shim.raw(HOSTILE["form of the page"])
    assert (status, headers["location"]) == (303, "/sign-in")


@pytest.mark.acceptance
def test_connections_of_every_kind_from_many_addresses_fail_no_request_of_a_sender(
    redis_url: str, tmp_path: Path
) -> None:
    # Given a process that opens hostile connections of every kind again as soon as they are closed
    hostile = [sys.executable, "-m", "benchmarks.hostile"]
    with Shim(tmp_path, redis_url) as shim:
        attack = subprocess.Popen([*hostile, str(shim.port), "400"], cwd=ROOT)
        try:
            until(lambda: metric(shim, "tq_http_connections") > 300, within_s=60)
            # When a sender sends over connections of its own
            statuses = {shim.post("/v1/events", event(number)).status_code for number in range(60)}
        finally:
            attack.kill()
            attack.wait()
        # Then all of it is accepted, and the log has no fault
        assert statuses == {202}
    assert "level='error'" not in (tmp_path / "tq-http-shim.log").read_text()
