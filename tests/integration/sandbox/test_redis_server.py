"""The Redis that we start ourselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from sandbox.launch import redis_server
from sandbox.launch.redis_server import RedisServer
from tests.support.waiting import until

pytestmark = pytest.mark.integration

#: Makes the server load slowly, and answer meanwhile: 2 ms a key.
SLOWLY = ("--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024")


def test_a_server_that_has_much_to_load_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given data that take two seconds to load, of which a start may take a third without an answer
    server = RedisServer(tmp_path).start()
    with Redis(port=server.port) as redis:
        redis.mset({f"key {number}": "x" * 100 for number in range(1_000)})
        redis.bgrewriteaof()
        until(lambda: not redis.info("persistence")["aof_rewrite_in_progress"], within_s=20)
    server.stop()
    monkeypatch.setattr(redis_server, "START_TIMEOUT_S", 0.7)

    # when it is started
    again = RedisServer(tmp_path, port=server.port, options=SLOWLY).start()

    # then it is there with all of them
    with Redis(port=again.port) as redis:
        assert redis.dbsize() == 1_000
    again.stop()
