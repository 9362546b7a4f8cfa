"""What a Redis tells about itself, and what lies in its queues: facts, judged elsewhere."""

from __future__ import annotations

import json
import time
from typing import Any, cast

from msgspec import Struct
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from workers.jobs import QUEUES
from workers.ledger import keys
from workers.ledger.ledger import answering

#: Messages at each end of a queue that are looked at for strangers.
LOOKED_AT = 50

#: Names that people give to a list they push raw payloads to, beside the real queues.
LIKELY_NAMES = (*QUEUES, "celery")


class Health(Struct, frozen=True):
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


def health(redis: Redis) -> Health:
    """Ask Redis; raises ServiceAway("redis") when it does not answer."""
    with answering():
        began = time.time()
        seconds, micros = redis.time()
        took_s = time.time() - began
        ahead_s = seconds + micros / 1e6 - (began + took_s / 2)
        info: dict[str, Any] = redis.info()
        raw = {name: _raw(redis, name) for name in (*map(keys.bells, QUEUES), *LIKELY_NAMES)}
        strangers = {name: count for name, count in raw.items() if count}
        return Health(took_s, ahead_s, info, _fsync(redis), _user(redis), strangers)


def memory(redis: Redis) -> tuple[int, int]:
    """Return the bytes that Redis uses and the most that it may use, 0 for no limit; raises ServiceAway("redis")."""
    with answering():
        info: dict[str, Any] = redis.info("memory")
    return int(info["used_memory"]), int(info.get("maxmemory", 0))


def is_message(item: bytes) -> bool:
    """Tell whether an item of a queue is a message of Celery's protocol."""
    try:
        message = json.loads(item)
    except ValueError:
        return False
    return isinstance(message, dict) and {"body", "headers", "properties"} <= message.keys()


def _raw(redis: Redis, name: str) -> int:
    """Return how many of a list's items, of those looked at, are no messages of Celery's."""
    try:
        length = redis.llen(name)
        ends = {*redis.lrange(name, 0, LOOKED_AT - 1), *redis.lrange(name, -LOOKED_AT, -1)} if length else ()
    except ResponseError:
        # Another type of key, or one that our user may not read, is somebody else's business.
        return 0
    return sum(not is_message(item) for item in cast("set[bytes]", ends))


def _fsync(redis: Redis) -> str:
    # A managed Redis, and a user with few rights, does not tell.
    try:
        return str(cast("dict[str, str]", redis.config_get("appendfsync")).get("appendfsync", ""))
    except RedisError:
        return ""


def _user(redis: Redis) -> str:
    try:
        return str(cast("Any", redis).acl_whoami())
    except RedisError:
        return ""
