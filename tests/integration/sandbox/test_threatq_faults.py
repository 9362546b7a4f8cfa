"""The simulated ThreatQ's bad days."""

from __future__ import annotations

import threading
import time

import pytest
import requests

pytestmark = pytest.mark.integration

EVENT = {"title": "t", "type": "Sighting", "happened_at": "2024-03-01 10:00:00"}


@pytest.fixture
def sandbox(threatq_sandbox):
    threatq_sandbox.login()
    threatq_sandbox.control("calls", method="DELETE")
    return threatq_sandbox


def test_a_rate_limit_strikes_the_next_calls_with_or_without_retry_after(sandbox):
    sandbox.fault("rate_limit", next=1, retry_after=7)
    sandbox.fault("rate_limit", next=1)

    first, second, third = (sandbox.call("GET", "/api/objects") for _ in range(3))

    assert [answer.status_code for answer in (first, second, third)] == [429, 429, 200]
    assert first.headers["Retry-After"] == "7"


def test_errors_strike_a_share_of_the_calls_they_are_for(sandbox):
    sandbox.fault("error", ratio=0.5, status=502, method="GET", path="/api/objects")

    seen = [sandbox.call("GET", "/api/objects").status_code for _ in range(40)]

    assert set(seen) == {200, 502}
    assert sandbox.call("GET", "/api/events").status_code == 200


def test_a_dropped_connection_before_the_work_leaves_nothing(sandbox):
    sandbox.fault("drop_before", next=1)

    with pytest.raises(requests.ConnectionError):
        sandbox.call("POST", "/api/events", EVENT)

    assert sandbox.get("/api/events")["total"] == 0


def test_a_dropped_connection_after_the_work_leaves_it_done(sandbox):
    sandbox.fault("drop_after", next=1, method="POST", path="/api/events*")

    with pytest.raises(requests.ConnectionError):
        sandbox.call("POST", "/api/events", EVENT)

    assert sandbox.get("/api/events")["total"] == 1


def test_an_answer_that_is_delayed_after_the_work_leaves_it_done(sandbox):
    sandbox.fault("hang_after", seconds=0.1, next=1, method="POST", path="/api/events")

    with pytest.raises(requests.ConnectionError):
        sandbox.call("POST", "/api/events", EVENT)

    assert sandbox.get("/api/events")["total"] == 1


def test_an_outage_closes_every_connection_until_it_ends(sandbox):
    fault = sandbox.fault("drop_before")
    for _ in range(3):
        with pytest.raises(requests.ConnectionError):
            sandbox.call("GET", "/api/objects")

    sandbox.control(f"faults/{fault['id']}", method="DELETE")

    assert sandbox.call("GET", "/api/objects").ok


def test_a_hanging_call_ends_without_an_answer_when_released(sandbox):
    sandbox.fault("hang", next=1)
    ended = []

    def call():
        try:
            sandbox.call("GET", "/api/objects")
        except requests.ConnectionError as error:
            ended.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    # A session is not for two threads: the levers get one of their own.
    until = time.monotonic() + 5
    while requests.get(f"{sandbox.url}/sandbox/faults", timeout=5).json() and time.monotonic() < until:
        time.sleep(0.01)
    assert not ended
    requests.post(f"{sandbox.url}/sandbox/release", timeout=5)
    thread.join(timeout=5)

    assert len(ended) == 1


def test_a_hanging_call_ends_by_itself_after_its_time(sandbox):
    sandbox.fault("hang", next=1, seconds=0.05)

    with pytest.raises(requests.ConnectionError):
        sandbox.call("GET", "/api/objects")


def test_an_account_without_the_right_gets_a_bare_object(sandbox):
    sandbox.fault("bare", path="/api/indicator/types")

    assert sandbox.get("/api/indicator/types") == {}


def test_calls_are_counted_by_route(sandbox):
    sandbox.post("/api/events", EVENT)
    sandbox.get("/api/events/1")
    sandbox.fault("drop_before", next=1)
    with pytest.raises(requests.ConnectionError):
        sandbox.get("/api/events/2")

    report = sandbox.control("calls", method="GET")

    assert report["by_route"] == {"POST /api/events": 1, "GET /api/events/{id}": 2}
    assert report["by_status"] == {"201": 1, "200": 1, "0": 1}


def test_latency_delays_and_a_reset_ends_it(sandbox):
    sandbox.fault("latency", ms=30)

    begin = time.monotonic()
    sandbox.call("GET", "/api/objects")

    assert time.monotonic() - begin >= 0.03
    sandbox.reset()
    assert sandbox.control("faults", method="GET") == []
