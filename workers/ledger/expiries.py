"""When certificates and tokens end, as told by the processes that have them."""

from __future__ import annotations

from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.ledger.small_writes import write


def tell_expiry(redis: RedisClient, name: str, ends_s: float | None) -> None:
    """Say when a certificate or token ends (Unix time), None for never; raises ServiceAway("redis")."""
    if ends_s is None:
        write(redis, ("HDEL", keys.EXPIRIES, name))
    else:
        write(redis, ("HSET", keys.EXPIRIES, name, int(ends_s * 1000)))


def expiries(redis: RedisClient) -> dict[str, int]:
    """Return when each certificate and token ends that was told of, in ms; raises ServiceAway("redis")."""
    return {name.decode(): int(ends_ms) for name, ends_ms in redis.hgetall(keys.EXPIRIES).items()}
