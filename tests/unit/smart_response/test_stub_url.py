"""Redis URLs that a stub reads itself, compared with redis-py."""

from __future__ import annotations

import pytest
from redis import Redis

from producers.smart_response import redis_client
from producers.smart_response.redis_client import read_url
from workers.ledger import connection


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://redis.example:6380/3",
        "redis://:s%40cret%2F@redis.example/0",
        "redis://stub:p%c3%a4ss@redis.example:6379",
        "redis://[::1]:6380/2",
        "rediss://redis.example:6379/1",
        "rediss://redis.example/1?ssl_cert_reqs=required&ssl_ca_certs=/etc/ca.pem",
    ],
)
def test_a_plain_url_means_the_same_to_us_as_to_redis_py(url: str) -> None:
    ours = read_url(url)
    theirs = Redis.from_url(url).connection_pool.connection_kwargs
    assert ours is not None
    assert (ours.host, ours.port) == (theirs.get("host", "localhost"), theirs.get("port", 6379))
    assert int(ours.db or 0) == theirs.get("db", 0)
    assert (ours.user or None, ours.password or None) == (theirs.get("username"), theirs.get("password"))
    assert (ours.tls is not None) == url.startswith("rediss")


@pytest.mark.parametrize(
    "url",
    [
        "sentinel://one:26379,two:26379/0?master=mymaster",
        "unix:///run/redis.sock",
        "redis://localhost?db=1",
        "redis://localhost:port/0",
        "redis://localhost/zero",
        "rediss://localhost?ssl_min_version=TLSv1_3",
        "localhost:6379",
    ],
)
def test_every_other_url_is_left_to_redis_py(url: str) -> None:
    assert read_url(url) is None


def test_a_stub_waits_as_long_as_everything_else_does() -> None:
    ours = (redis_client.CONNECT_TIMEOUT_S, redis_client.ANSWER_TIMEOUT_S)
    assert ours == (connection.CONNECT_TIMEOUT_S, connection.ANSWER_TIMEOUT_S)
