"""The fleet tells operators: once, by one of its processes, also after a receiver was away, and beside the work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from sandbox.launch.redis_server import free_port
from tests.support.full_redis import full
from tests.support.notices import Hook, running_hook
from tests.support.waiting import until
from workers.ledger import keys
from workers.notices.decisions import OVER_AFTER_MS
from workers.notices.notifier import GIVE_UP_MS, Notifier, notifier_of
from workers.settings.model import Secret, Settings

pytestmark = pytest.mark.integration

NOW_MS = 1_900_000_000_000


@pytest.fixture
def hook() -> Iterator[Hook]:
    with running_hook() as hook:
        yield hook


def settings(url: str, **fields: str) -> Settings:
    return Settings(notices_webhook_url=Secret(url), public_url="https://tq.example.com", **fields)


def notify(notifier: Notifier, now: int) -> None:
    notifier.look(now)
    notifier.deliver(now)


def test_dead_letters_are_told_once_with_their_count_and_again_when_they_are_over(
    redis: Redis, hook: Hook
) -> None:
    redis.zadd(keys.DEAD, {f"job{number}": number for number in range(12)})
    notifier = Notifier(redis, settings(hook.url))

    notify(notifier, NOW_MS)
    notify(notifier, NOW_MS + 30_000)
    redis.delete(keys.DEAD)
    notify(notifier, NOW_MS + 60_000)
    notify(notifier, NOW_MS + 60_000 + OVER_AFTER_MS)

    assert [(post["event"], post["count"], post["link"]) for post in hook.posts] == [
        ("began", 12, "https://tq.example.com/jobs?list=dead"),
        ("over", 12, "https://tq.example.com/jobs?list=dead"),
    ]


def test_of_several_hosts_one_sends(redis: Redis, hook: Hook) -> None:
    redis.zadd(keys.DEAD, {"job": 1})
    fleet = [Notifier(redis, settings(hook.url)) for _ in range(5)]

    for notifier in fleet:
        notifier.step()

    until(lambda: not any(notifier.is_busy for notifier in fleet))
    assert len(hook.posts) == 1


def test_while_the_receiver_is_away_a_notice_is_kept_and_then_sent(redis: Redis) -> None:
    port = free_port()
    redis.zadd(keys.DEAD, {"job": 1})
    notifier = Notifier(redis, settings(f"http://127.0.0.1:{port}/hook"))

    notify(notifier, NOW_MS)
    (kept,) = notifier.outbox.undelivered()
    outcome = notifier.outbox.receivers()["webhook"]
    with running_hook(port=port) as hook:
        notifier.deliver(kept.next_ms - 1)
        early = len(hook.posts)
        notifier.deliver(kept.next_ms)

    assert (kept.tries, early, len(hook.posts)) == (1, 0, 1)
    assert "cannot be reached for the notice" in outcome.error
    assert notifier.outbox.undelivered() == []
    assert notifier.outbox.receivers()["webhook"].answer == "127.0.0.1 answered 200 ok"


def test_what_is_undelivered_stays_bounded_and_is_given_up_after_a_day(redis: Redis) -> None:
    notifier = Notifier(redis, settings(f"http://127.0.0.1:{free_port()}/hook", notices_repeat_h=0.01))
    redis.zadd(keys.DEAD, {"job": 1})

    for minute in range(60):
        notify(notifier, NOW_MS + minute * 60_000)
    waiting = len(notifier.outbox.undelivered())
    notifier.deliver(NOW_MS + 3_600_000 + GIVE_UP_MS)

    assert waiting == 1
    assert notifier.outbox.undelivered() == []


def test_a_process_that_dies_between_deciding_and_sending_loses_no_notice(redis: Redis, hook: Hook) -> None:
    redis.zadd(keys.DEAD, {"job": 1})
    Notifier(redis, settings(hook.url)).look(NOW_MS)

    notify(Notifier(redis, settings(hook.url)), NOW_MS + 30_000)

    assert [post["event"] for post in hook.posts] == ["began"]


def test_the_work_goes_on_while_a_receiver_hangs(redis: Redis, hook: Hook) -> None:
    redis.zadd(keys.DEAD, {"job": 1})
    notifier = Notifier(redis, settings(hook.url))
    hook.may_answer.clear()

    notifier.step()
    until(lambda: hook.posts)
    for _ in range(100):
        notifier.step()
    was_busy = notifier.is_busy
    hook.may_answer.set()

    assert was_busy
    until(lambda: not notifier.is_busy)
    assert len(hook.posts) == 1


def test_a_redis_that_is_full_is_told_of(redis: Redis, hook: Hook) -> None:
    notifier = Notifier(redis, settings(hook.url))
    with full(redis):
        notify(notifier, NOW_MS)
    assert [post["cause"] for post in hook.posts] == ["redis_full"]


def test_what_is_muted_is_not_told(redis: Redis, hook: Hook) -> None:
    redis.zadd(keys.DEAD, {"job": 1})

    notify(Notifier(redis, settings(hook.url, notices_muted="dead_letters")), NOW_MS)

    assert hook.posts == []


def test_settings_that_cannot_be_used_stop_no_upkeep(redis: Redis) -> None:
    assert notifier_of(redis, settings("http://hooks.example.com/x")) is None
    assert notifier_of(redis, settings("", notices_muted="dead_leters")) is None
