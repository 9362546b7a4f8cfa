"""What the ledger's Redis tells of itself: memory, clock, user, what lies in its lists. Facts, judged elsewhere."""

from __future__ import annotations

import json
import time
from typing import Any

from msgspec import Struct

from workers.core.errors import ServiceAway
from workers.core.jobs import QUEUES
from workers.ledger import keys
from workers.ledger.client import RedisClient, RedisRefusal
from workers.ledger.small_writes import write

#: Messages at each end of a queue that are looked at for strangers.
LOOKED_AT = 50

#: Names that people give to a list they push raw payloads to, beside the real queues.
LIKELY_NAMES = (*QUEUES, "celery")


#: The oldest server that runs a script although it is out of memory, and so finishes work that makes room.
OLDEST = (7, 0)


class RedisHealth(Struct, frozen=True):
    """INFO as Redis gives it, and what needs calls of its own.

    `ahead_s` is by how much its clock is ahead of ours; `fsync` and `user` are "" where it does not tell;
    `strangers` counts, by key, items of the queues that are no messages of Celery's.
    """

    took_s: float
    ahead_s: float
    info: dict[str, Any]
    fsync: str
    user: str
    strangers: dict[str, int]


def health(redis: RedisClient) -> RedisHealth:
    """Ask Redis; raises ServiceAway("redis") when it does not answer."""
    began = time.time()
    seconds, micros = redis.time()
    took_s = time.time() - began
    ahead_s = seconds + micros / 1e6 - (began + took_s / 2)
    info = redis.info()
    raw = {name: _raw(redis, name) for name in (*map(keys.wake_ups, QUEUES), *LIKELY_NAMES)}
    strangers = {name: count for name, count in raw.items() if count}
    return RedisHealth(took_s, ahead_s, info, _fsync(redis), _user(redis), strangers)


def memory(redis: RedisClient) -> tuple[int, int]:
    """Return the bytes that Redis uses and the most that it may use, 0 for no limit; raises ServiceAway("redis")."""
    info = redis.info("memory")
    return int(info["used_memory"]), int(info.get("maxmemory", 0))


def is_too_old(info: dict[str, Any]) -> bool:
    """Tell whether a server, by its INFO, lacks what the ledger needs."""
    return tuple(int(part) for part in str(info["redis_version"]).split(".")[:2]) < OLDEST


def is_primary(info: dict[str, Any]) -> bool:
    """Tell whether a server, by its INFO, takes writes."""
    return info.get("role") in ("master", None)


def is_message(item: bytes) -> bool:
    """Tell whether an item of a queue is a message of Celery's protocol."""
    try:
        message = json.loads(item)
    except ValueError:
        return False
    return isinstance(message, dict) and {"body", "headers", "properties"} <= message.keys()


def _raw(redis: RedisClient, name: str) -> int:
    """Return how many of a list's items, of those looked at, are no messages of Celery's."""
    try:
        length = redis.llen(name)
        ends = {*redis.lrange(name, 0, LOOKED_AT - 1), *redis.lrange(name, -LOOKED_AT, -1)} if length else ()
    except RedisRefusal:
        # Another type of key, or one that our user may not read, belongs to another application.
        return 0
    return sum(not is_message(item) for item in ends)


def _fsync(redis: RedisClient) -> str:
    # A managed Redis, and a user with few rights, does not tell.
    try:
        return redis.config_get("appendfsync").get("appendfsync", "")
    except ServiceAway:
        return ""


def _user(redis: RedisClient) -> str:
    try:
        return redis.acl_whoami()
    except ServiceAway:
        return ""


def tell(redis: RedisClient, service: str, lacking: str) -> None:
    """Say what is not set up of a service, "" for nothing; raises ServiceAway("redis")."""
    write(redis, ("HSET", keys.LACKING, service, lacking))
