"""What the Redis bridge logs of a payload that had been sent before, as a user who may only accept."""

from __future__ import annotations

import json
import threading

import pytest
from redis import Redis
from structlog.testing import capture_logs

from producers.bridge.forwarder import Forwarder
from workers.ledger.connection import connect
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine
from workers.payload.intake import Intake

pytestmark = pytest.mark.integration

PAYLOAD = json.dumps({"event_name": "a", "event_type": "Sighting", "event_happened_at": 1633460462}).encode()


def test_a_bridge_that_may_not_read_what_became_of_a_job_claims_nothing_and_asks_once(
    redis: Redis, redis_url: str
) -> None:
    # Given a user of Redis who may accept, and read no job's progress
    redis.acl_setuser(
        "bridge", enabled=True, passwords=["+bridge"], keys=["*"], commands=["+@all", "-hmget", "-info"]
    )
    redis.acl_log_reset()
    with connect(redis_url.replace("://", "://bridge:bridge@")) as client:
        forward = Forwarder(Intake("redis", 1000), Ledger(client), Quarantine(client), threading.Event())
        forward([PAYLOAD], source="list")
        # When the same is pushed again and again
        with capture_logs() as lines:
            for _ in range(3):
                forward([PAYLOAD], source="list")
    denied = [entry for entry in redis.acl_log() if entry["object"] == "hmget"]
    redis.acl_deluser("bridge")
    # Then each repeat is logged without a state that is not known, and Redis was asked once
    assert [line["event"] for line in lines] == ["known already"] * 3
    assert not any("state" in line for line in lines)
    assert [entry["count"] for entry in denied] == [1]
