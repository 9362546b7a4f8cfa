"""When the recurring sync starts: once, and never forgotten; and whether there is anything to start it for."""

from __future__ import annotations

import pytest

from tests.support.sync_stage import Stage
from workers.core.errors import ConfigError
from workers.ledger.connection import now_ms
from workers.ledger.ledger import Ledger
from workers.ledger.overview import overview
from workers.ledger.sync_runs import history
from workers.listsync.run.schedule import LAST, start_if_due, tell_setup
from workers.settings.model import Secret, Settings

pytestmark = pytest.mark.integration


def hourly(last_ms: int, now_ms: int) -> bool:
    return now_ms - last_ms >= 3_600_000


def test_two_upkeeps_at_once_start_one_sync_and_a_restart_misses_none(stage: Stage, ledger: Ledger) -> None:
    settings = stage.runtime.settings
    first = start_if_due(ledger, settings, hourly)
    assert first
    assert start_if_due(ledger, settings, hourly) is None
    # an hour later, two upkeeps that both still see the old time
    an_hour_ago = now_ms(stage.redis) - 3_600_000
    started = []
    for _ in range(2):
        stage.redis.set(LAST, an_hour_ago)
        started.append(start_if_due(ledger, settings, hourly))
    assert started[0]
    assert started[0] == started[1] != first


def test_no_scheduled_sync_is_added_to_one_that_still_waits(stage: Stage, ledger: Ledger) -> None:
    first = start_if_due(ledger, stage.runtime.settings, hourly)
    stage.redis.set(LAST, f"{now_ms(stage.redis) - 7_200_000} {first}")
    assert start_if_due(ledger, stage.runtime.settings, hourly) is None
    while stage.consume():
        pass
    assert start_if_due(ledger, stage.runtime.settings, hourly)


def test_an_interval_below_an_hour_is_refused(stage: Stage, ledger: Ledger) -> None:
    with pytest.raises(ConfigError, match="once an hour"):
        start_if_due(ledger, stage.set(sync_interval_s=60), hourly)
    assert start_if_due(ledger, stage.set(sync_interval_s=60, sync_interval_floor_s=60), hourly)


def test_no_schedule_starts_a_sync_before_the_floor_and_each_collection_has_its_own_last_start(
    stage: Stage, ledger: Ledger
) -> None:
    def always(_last_ms: int, _now_ms: int) -> bool:
        return True

    settings = stage.runtime.settings
    first = start_if_due(ledger, settings, always)
    stage.redis.set(LAST, f"{now_ms(stage.redis) - 3_599_000} x")
    assert start_if_due(ledger, settings, always) is None
    stage.redis.set(LAST, f"{now_ms(stage.redis) - 3_600_000} x")
    assert start_if_due(ledger, settings, always) not in (first, None)
    assert start_if_due(ledger, settings, always, collection="one")
    assert start_if_due(ledger, settings, always, collection="one") is None
    assert start_if_due(ledger, settings, always, collection="another")


def test_what_changes_is_followed_between_the_runs_once_there_was_one(stage: Stage, ledger: Ledger) -> None:
    def each_minute(last_ms: int, now_ms: int) -> bool:
        return now_ms - last_ms >= 60_000

    # given no run yet, there is nothing to go on from
    settings = stage.runtime.settings
    assert start_if_due(ledger, settings, each_minute, mode="delta") is None

    # when one was started more than the interval ago, and has ended
    stage.seed(5, types=["FQDN"])
    first = start_if_due(ledger, settings, hourly)
    stage.redis.set(LAST, f"{now_ms(stage.redis) - 60_000} {first}")
    assert start_if_due(ledger, settings, each_minute, mode="delta") is None
    while stage.consume():
        pass

    # then one follows that goes on from it, long before the next hour
    follows = start_if_due(ledger, settings, each_minute, mode="delta")
    assert follows
    assert start_if_due(ledger, settings, each_minute, mode="delta") is None
    while stage.consume():
        pass
    runs = history(stage.redis)
    assert [run.kind for run in runs] == ["delta", "full"]


def test_what_would_have_to_read_everything_waits_for_the_hour(stage: Stage) -> None:
    stage.seed(5, types=["FQDN"])
    stage.sync()
    stage.logrhythm.fill("ThreatQ: FQDN", "by-hand.example")
    result = stage.sync(mode="delta")
    assert result["status"] == "skipped"
    assert "has 6 entries and the last run left 5; the last full run was at 20" in result["reason"]
    assert stage.sync()["kind"] == "full"


def test_workers_tell_whether_logrhythm_is_configured(stage: Stage) -> None:
    stage.seed(5, types=["FQDN"])
    stage.sync()
    assert overview(stage.redis).lacking == {"logrhythm": ""}
    stage.set(settings_from="threatq")
    stage.sync()
    assert overview(stage.redis).lacking == {"logrhythm": "the connector LogRhythm is not enabled in ThreatQ"}
    tell_setup(stage.redis, Settings(settings_from="local", threatq_client_secret=Secret("x")))
    assert overview(stage.redis).lacking == {
        "threatq": "not set: TQ_THREATQ_URL, TQ_THREATQ_CLIENT_ID",
        "logrhythm": "not set: TQ_LOGRHYTHM_URL, TQ_LOGRHYTHM_TOKEN, TQ_SYNC_COLLECTIONS",
    }
