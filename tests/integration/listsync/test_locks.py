"""Who may sync a collection, and whose turn it is to write."""

from __future__ import annotations

import pytest
from redis import Redis

from tests.support.waiting import until
from workers.core.jobs import Job
from workers.core.text import short
from workers.ledger import locks, sync_keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.locks import hold, release
from workers.ledger.records import done

pytestmark = pytest.mark.integration

URL = "https://lr"


def sync_job(ledger: Ledger, number: int) -> str:
    job = Job("lists.sync", {"collection": "C", "number": number}, producer="tqctl")
    return ledger.accept([job])[0].id


def end_all(ledger: Ledger) -> None:
    for claim in ledger.claim("sync", 10):
        ledger.settle([done(claim, {})])


def test_a_collection_stays_with_its_job_until_that_has_ended(redis: Redis, ledger: Ledger) -> None:
    first = sync_job(ledger, 1)
    assert hold(redis, "C", first) == first
    assert hold(redis, "C", "second") == first
    assert hold(redis, "C", first) == first
    end_all(ledger)
    assert hold(redis, "C", "second") == "second"


def test_what_another_job_holds_is_not_released(redis: Redis, ledger: Ledger) -> None:
    first = sync_job(ledger, 1)
    hold(redis, "C", first)
    release(redis, "C", "second")
    assert hold(redis, "C", "second") == first
    release(redis, "C", first)
    assert hold(redis, "C", "second") == "second"


def test_of_two_jobs_that_find_the_holder_ended_one_takes_its_place(
    redis: Redis, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a holder that has ended, and another job that takes the collection over while we look whether it has
    ended = sync_job(ledger, 1)
    hold(redis, "C", ended)
    end_all(ledger)
    quicker = sync_job(ledger, 2)
    look = locks.is_open

    def slowly(redis: Redis, job_id: str) -> bool:
        monkeypatch.setattr(locks, "is_open", look)
        assert hold(redis, "C", quicker) == quicker
        return look(redis, job_id)

    monkeypatch.setattr(locks, "is_open", slowly)
    # When we ask for it
    assert hold(redis, "C", "slower") == quicker
    assert LedgerAdmin(redis).record(quicker) is not None


def turn_left_ms(redis: Redis) -> int:
    return redis.pttl(sync_keys.turn(short(URL)))


def test_the_turn_of_a_killed_writer_is_soon_over(redis: Redis) -> None:
    with locks.turn(redis, URL, 60):
        assert 0 < turn_left_ms(redis) <= 1_000 * locks.TURN_S
    assert turn_left_ms(redis) < 0


def test_a_turn_is_extended_while_a_call_takes_longer(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "TURN_S", 0.3)
    with locks.turn(redis, URL, 60):
        before_ms = turn_left_ms(redis)
        # It falls as time goes, and rises when it is extended
        assert until(lambda: turn_left_ms(redis) < before_ms - 100)
        assert until(lambda: turn_left_ms(redis) > before_ms - 100)


def test_a_call_that_never_comes_back_has_no_turn_for_ever(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "TURN_S", 0.1)
    with locks.turn(redis, URL, 0.6):
        assert until(lambda: turn_left_ms(redis) < 0)
