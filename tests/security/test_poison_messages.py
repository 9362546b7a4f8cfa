"""A message over which bridges end again and again is set aside, and what is behind it is done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from producers.bridge.suspects import MOST_TIMES, Suspects
from tests.support.producers import Process, event
from tests.support.waiting import until
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.client import RedisClient
from workers.ledger.quarantine import Quarantine

pytestmark = [pytest.mark.integration, pytest.mark.acceptance]

#: A message that takes seconds to read: time enough to kill its reader.
SLOW = b"\n".join([b'{"a": [%b1.5]}' % (b"1.5," * 25_000)] * 300)


def kill_once(folder: Path, redis_url: str, when: Callable[[], object]) -> None:
    """Start a bridge and kill it as soon as `when` holds."""
    environ = {"TQ_REDIS_URL": redis_url, "TQ_INGEST_TAKEOVER_S": "1"}
    with Process("tq-redis-bridge", folder, environ):
        until(when, within_s=60)


def test_a_message_that_ends_three_bridges_goes_to_the_quarantine_and_the_next_one_is_done(
    redis: RedisClient, redis_url: str, admin: LedgerAdmin, tmp_path: Path
) -> None:
    # Given a message and a good one behind it
    redis.rpush(keys.INGEST_RPUSH, SLOW, json.dumps(event(1)))
    suspects = Suspects(redis)
    # When the bridge that has taken it is killed, and then two more while they read it alone
    kill_once(tmp_path, redis_url, lambda: list(redis.scan_iter(keys.ingest_taken(keys.INGEST_RPUSH, "*"))))
    for times in range(2, MOST_TIMES + 1):
        kill_once(tmp_path, redis_url, lambda times=times: suspects.counts([SLOW]) == [times])
    # Then the fourth one reads it no more, and does what is behind it
    quarantine = Quarantine(redis)
    kill_once(tmp_path, redis_url, lambda: quarantine.count() and admin.open_jobs()["events"])
    (item_id,) = quarantine.ids(10)
    item = quarantine.item(item_id)
    assert item is not None
    assert item.code == "ends_bridges"
    assert admin.open_jobs()["events"] == 1
