"""What proves the answers of a first run, against real services and services that are others."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from producers.cli.first_checks import PROBE, check_host, check_redis
from tests.support.http_thread import QuietHandler, serving
from tests.support.scripted import Answer, Scripted
from workers.core.errors import ConfigError, ServiceAway, TqError
from workers.ledger.client import RedisRefusal
from workers.ledger.status import is_too_old
from workers.settings.model import Settings

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    "answer",
    [
        # another API, a page of a web server, one that sends elsewhere
        Answer({"message": "not found"}, status=404),
        Answer(b"<html>", headers={"Content-Type": "text/html"}),
        Answer(status=302, headers={"Location": "https://elsewhere.example/"}),
    ],
)
def test_a_service_that_is_no_threatq_is_refused_and_the_host_is_named(answer: Answer) -> None:
    with Scripted(lambda _: answer) as other, pytest.raises(TqError) as caught:
        check_host(Settings(threatq_url=other.url))
    assert "threatq_url" in str(caught.value)


@pytest.mark.parametrize("status", [401, 403])
def test_a_service_that_asks_for_a_login_is_taken_for_threatq(status: int) -> None:
    with Scripted(lambda _: Answer({"errors": ["Unauthenticated."]}, status=status)) as guarded:
        check_host(Settings(threatq_url=guarded.url))
    assert [asked.path for asked in guarded.asked] == [PROBE]


def test_a_certificate_of_an_own_authority_names_the_setting_that_trusts_it(tmp_path: Path) -> None:
    with serving(QuietHandler, tls=tmp_path) as url, pytest.raises(ConfigError) as caught:
        check_host(Settings(threatq_url=url))
    assert caught.value.field == "threatq_ca_file"


def test_a_redis_that_is_away_is_refused() -> None:
    with pytest.raises(ServiceAway, match="Is it running, and is TQ_REDIS_URL right"):
        check_redis(Settings(redis_url="redis://127.0.0.1:1/0"))


def test_a_redis_that_closes_itself_to_us_is_refused(redis: Redis, redis_url: str) -> None:
    redis.execute_command("ACL", "SETUSER", "few", "on", ">secret", "+ping")
    try:
        with pytest.raises(RedisRefusal, match="correct TQ_REDIS_URL"):
            check_redis(Settings(redis_url=redis_url.replace("//", "//few:secret@")))
        with pytest.raises(RedisRefusal, match="correct TQ_REDIS_URL"):
            check_redis(Settings(redis_url=redis_url.replace("//", "//few:wrong@")))
    finally:
        redis.execute_command("ACL", "DELUSER", "few")


def test_a_replica_is_refused(redis: Redis, redis_url: str) -> None:
    redis.replicaof("127.0.0.1", 1)
    try:
        with pytest.raises(ConfigError, match="replica"):
            check_redis(Settings(redis_url=redis_url))
    finally:
        redis.replicaof("NO", "ONE")


def test_a_redis_is_too_old_below_seven() -> None:
    assert is_too_old({"redis_version": "6.2.14"})
    assert not is_too_old({"redis_version": "7.0.15"})
