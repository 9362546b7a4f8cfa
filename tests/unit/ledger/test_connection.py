"""What a Redis URL means."""

from __future__ import annotations

from redis.sentinel import SentinelConnectionPool

from workers.ledger.connection import connect


def test_a_sentinel_url_may_escape_its_password_and_name_ipv6_hosts() -> None:
    pool = connect("sentinel://me:p%40s,s@[::1]:5000,two.example/1?master=m").connection_pool
    assert isinstance(pool, SentinelConnectionPool)
    assert pool.service_name == "m"
    wanted = {name: pool.connection_kwargs[name] for name in ("username", "password", "db")}
    assert wanted == {"username": "me", "password": "p@s,s", "db": 1}
    hosts = [sentinel.connection_pool.connection_kwargs for sentinel in pool.sentinel_manager.sentinels]
    assert [(host["host"], host["port"]) for host in hosts] == [("::1", 5000), ("two.example", 26379)]
