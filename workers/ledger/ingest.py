"""What waits in the lists and the stream that the Redis bridge empties; nothing of ours bounds what others push."""

from __future__ import annotations

from msgspec import Struct

from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.ledger.connection import connect
from workers.settings.model import Settings


def is_elsewhere(settings: Settings) -> bool:
    """Tell whether the bridge reads another Redis than the ledger's."""
    return settings.ingest_redis_url not in ("", settings.redis_url)


def ingest_redis(settings: Settings, redis: RedisClient, *, answer_timeout_s: float) -> RedisClient:
    """Return the Redis that the bridge reads: `redis`, the ledger's, unless it is another one."""
    if not is_elsewhere(settings):
        return redis
    return connect(settings.ingest_redis_url, answer_timeout_s=answer_timeout_s, retries=0)


class Waiting(Struct, frozen=True):
    """How many messages wait, and the bytes that they take in Redis; `deferred` of them wait for their sender."""

    messages: int
    bytes: int
    deferred: int = 0


def waiting_for_bridge(redis: RedisClient) -> Waiting:
    """Measure what waits for a bridge, or is in the hands of one; raises ServiceAway("redis")."""
    bridges = [bridge.decode() for bridge in redis.smembers(keys.INGEST_BRIDGES)]
    lists = [keys.INGEST_RPUSH, keys.INGEST_LPUSH]
    lists += [keys.ingest_taken(name, bridge) for bridge in bridges for name in lists]
    pipe = redis.pipeline()
    messages = [*map(pipe.llen, lists), pipe.xlen(keys.INGEST_STREAM)]
    sizes = [pipe.memory_usage(name) for name in (*lists, keys.INGEST_STREAM, keys.INGEST_DEFERRED)]
    deferred = pipe.zcard(keys.INGEST_DEFERRED)
    pipe.execute()
    count = sum(count.value for count in messages) + deferred.value
    return Waiting(count, sum(size.value or 0 for size in sizes), deferred.value)
