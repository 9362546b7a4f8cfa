"""Dead letters and quarantined items are kept until an operator acts, or as long as a setting says, with a warning."""

from __future__ import annotations

import pytest
from redis import Redis

from tests.integration.ui.letters import bury
from tests.support.operator import Operator
from tests.support.trail import acts, last
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import now_ms
from workers.ledger.dead_retention import A_STEP, DeadRetention
from workers.ledger.ledger import Ledger
from workers.ledger.markers import DAY_MS
from workers.ledger.quarantine import Quarantine, Unreadable
from workers.settings.model import Settings

pytestmark = pytest.mark.integration


def age_all(redis: Redis, days: float) -> None:
    """Let everything have been dead or in the quarantine for so many days."""
    for key in (keys.DEAD, keys.QUARANTINE):
        for name in redis.zrange(key, 0, -1):
            redis.zadd(key, {name: now_ms(redis) - days * DAY_MS})


@pytest.fixture
def old(redis: Redis, ledger: Ledger) -> str:
    """A dead letter and a quarantined item of 40 days."""
    job_id = bury(ledger)
    Quarantine(redis).keep([Unreadable("http", "nifi", "not_json", "why", b"[")])
    age_all(redis, 40)
    return job_id


def test_nothing_is_forgotten_by_default(old: str, redis: Redis, admin: LedgerAdmin) -> None:
    retention = DeadRetention(redis, Settings())
    retention.step(now_ms(redis))
    assert retention.warning(now_ms(redis)) == ""
    assert admin.record(old) is not None
    assert Quarantine(redis).count() == 1


def test_what_is_older_is_forgotten_and_recorded(
    old: str, redis: Redis, ledger: Ledger, admin: LedgerAdmin
) -> None:
    young = bury(ledger, "young")
    DeadRetention(redis, Settings(keep_dead_days=30)).step(now_ms(redis))
    assert admin.ids("dead") == [young]
    assert redis.get(keys.job(old)) is None
    assert Quarantine(redis).count() == 0
    assert acts(redis) == ["quarantine drop", "drop"]
    assert (last(redis).by, last(redis).via) == ("keep_dead_days", "upkeep")


def test_an_operator_is_warned_a_week_before(
    old: str, redis: Redis, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQ_KEEP_DEAD_DAYS", "48")
    assert "forgotten" not in operator.types("dead", "list").out
    monkeypatch.setenv("TQ_KEEP_DEAD_DAYS", "46")
    sentence = "1 dead letter and 1 quarantined item will be forgotten within 7 days (keep_dead_days)"
    assert sentence in operator.types("dead", "list").out
    lines = operator.types("--json", "check", "--only", "workers").json
    assert [line["found"] for line in lines if line["what"] == "retention"] == [sentence]


def test_a_step_is_bounded(redis: Redis) -> None:
    redis.zadd(keys.DEAD, {f"{number:024}": 1 for number in range(A_STEP + 5)})
    retention = DeadRetention(redis, Settings(keep_dead_days=1))
    retention.step(now_ms(redis))
    assert redis.zcard(keys.DEAD) == 5
    retention.step(now_ms(redis))
    assert redis.zcard(keys.DEAD) == 0
