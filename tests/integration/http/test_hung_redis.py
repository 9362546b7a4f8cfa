"""The HTTP entry point while Redis hangs: connections are taken, and no answer comes."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from sandbox.launch.redis_server import RedisServer
from tests.support.producers import Shim, event
from tests.support.waiting import until
from workers.ledger.connection import ASYNC_WITHIN_S

pytestmark = pytest.mark.integration

#: Seconds after which a probe or a NiFi is sure to have an answer: with tries and connections twice it was 15 and more.
ANSWERED_S = ASYNC_WITHIN_S + 5


def test_a_payload_is_refused_before_its_sender_gives_up_and_taken_again_later(
    own_server: RedisServer, tmp_path: Path
) -> None:
    with Shim(tmp_path, own_server.url) as shim:
        assert shim.post("/v1/events", event(1)).status_code == 202
        # Given a Redis that hangs
        own_server.send_signal(signal.SIGSTOP)
        # When a payload comes, and a load balancer looks
        answer = shim.post("/v1/events", event(2), timeout=ANSWERED_S)
        ready = shim.call("GET", "/readyz", timeout=ANSWERED_S)
        # Then both are told why, and when to come again
        for refusal in (answer, ready):
            assert (refusal.status_code, refusal.json()["code"]) == (503, "redis_away")
            assert refusal.json()["detail"].startswith("Redis cannot be reached: ")
            assert int(refusal.headers["Retry-After"]) >= 1
        # and once Redis goes on, no answer of before is taken for another's
        own_server.send_signal(signal.SIGCONT)
        until(lambda: shim.call("GET", "/readyz").status_code == 200)
        assert shim.post("/v1/events", event(2)).status_code == 202
