"""The ledger and its Redis at a glance: queues, breakers, counts by minute, memory, what lies in the lists.

Facts, judged elsewhere; the ledger's own are read in two round trips.
"""

from __future__ import annotations

import json
import time
from typing import Any

from msgspec import Struct

from workers.core.errors import ServiceAway
from workers.core.jobs import QUEUES
from workers.ledger import keys
from workers.ledger.breaker_records import Away, Pause, QueueWait, read_pause
from workers.ledger.breakers import open_breakers
from workers.ledger.client import Pipeline, RedisClient, RedisRefusal
from workers.ledger.connection import now_ms
from workers.ledger.retention import REFUSED_KEPT_MS
from workers.ledger.small_writes import write

#: Milliseconds in a minute and an hour.
MINUTE_MS, HOUR_MS = 60_000, 3_600_000

#: Bytes within which the first line of a record, its time of acceptance, ends.
ACCEPTED_BYTES = 20

#: Messages at each end of a queue that are looked at for strangers.
LOOKED_AT = 50

#: Names that people give to a list they push raw payloads to, beside the real queues.
LIKELY_NAMES = (*QUEUES, "celery")


class Queue(Struct, frozen=True):
    """One queue: open jobs, those that are ready now, seconds since its next job was accepted, and if it is paused.

    What is open and not ready is being worked on or put off. `wake_ups` wait in Celery's queue. `needs_newer` says
    what of its jobs the running workers do not know, "" for nothing.
    """

    name: str
    open: int
    ready: int
    oldest_s: float
    wake_ups: int
    paused: bool
    needs_newer: str = ""


class Overview(Struct, frozen=True):
    """All of it at `at_ms` of Redis' clock; `upkeep_s` is how long upkeep has been silent, None if it never ran.

    `lacking` says by service what is not set up of it, "" for nothing; a service that no worker told about is absent.
    `refused` counts those of the last day.
    """

    at_ms: int
    queues: list[Queue]
    away: list[Away]
    dead: int
    done: int
    done_last_minute: int
    done_last_hour: int
    upkeep_s: float | None
    lacking: dict[str, str] = {}
    quarantined: int = 0
    refused: int = 0
    waits: list[QueueWait] = []
    pauses: list[Pause] = []


class _QueueReplies:
    """What is asked of one queue in a pipeline."""

    def __init__(self, pipe: Pipeline, name: str, now: int) -> None:
        self.name, due = name, keys.due(name)
        self.open, self.ready = pipe.zcard(due), pipe.zcount(due, "-inf", now)
        self.first = pipe.zrange(due, 0, 0)
        self.wake_ups, self.paused = pipe.llen(keys.wake_ups(name)), pipe.sismember(keys.PAUSED, name)
        self.newer = pipe.get(keys.needs_newer(name))
        self.pause = pipe.hgetall(keys.pause(name))

    def read(self, oldest_s: float) -> Queue:
        paused, newer = bool(self.paused.value), (self.newer.value or b"").decode()
        return Queue(
            self.name, self.open.value, self.ready.value, oldest_s, self.wake_ups.value, paused, newer
        )


def overview(redis: RedisClient) -> Overview:
    """Read the ledger; raises ServiceAway("redis")."""
    now = now_ms(redis)
    pipe = redis.pipeline(transaction=False)
    queues = [_QueueReplies(pipe, name, now) for name in QUEUES]
    last_minute = pipe.zcount(keys.DONE, now - MINUTE_MS, "+inf")
    last_hour = pipe.zcount(keys.DONE, now - HOUR_MS, "+inf")
    done, dead = pipe.zcard(keys.DONE), pipe.zcard(keys.DEAD)
    quarantined = pipe.zcard(keys.QUARANTINE)
    refused = pipe.zcount(keys.REFUSED_JOBS, now - REFUSED_KEPT_MS, "+inf")
    upkeep, lacking = pipe.get(keys.UPKEEP), pipe.hgetall(keys.LACKING)
    pipe.execute()
    ages = _ages(redis, [queue.first.value for queue in queues], now)
    away, waits = open_breakers(redis)
    return Overview(
        at_ms=now,
        queues=[queue.read(age_s) for queue, age_s in zip(queues, ages, strict=True)],
        away=away,
        dead=dead.value,
        done=done.value,
        done_last_minute=last_minute.value,
        done_last_hour=last_hour.value,
        upkeep_s=None if upkeep.value is None else max(0.0, (now - int(upkeep.value)) / 1000),
        lacking={name.decode(): why.decode() for name, why in lacking.value.items()},
        quarantined=quarantined.value,
        refused=refused.value,
        waits=waits,
        pauses=[read_pause(queue.name, queue.pause.value) for queue in queues if queue.paused.value],
    )


def _ages(redis: RedisClient, firsts: list[list[bytes]], now: int) -> list[float]:
    """Return the seconds since the job that is due first was accepted, 0 where there is none."""
    pipe = redis.pipeline(transaction=False)
    heads = [
        pipe.getrange(keys.job(first[0].decode() if first else ""), 0, ACCEPTED_BYTES) for first in firsts
    ]
    pipe.execute()
    beginnings = [head.value.partition(b"\n")[0] for head in heads]
    return [max(0.0, (now - int(accepted)) / 1000) if accepted else 0.0 for accepted in beginnings]


class Minute(Struct, frozen=True):
    """One minute by Redis's clock: when it began (ms), and how many jobs were done, dead and put off in it."""

    at_ms: int
    done: int = 0
    dead: int = 0
    waiting: int = 0


def last_minutes(redis: RedisClient, count: int = 60) -> list[Minute]:
    """Return the last `count` minutes, the running one last; raises ServiceAway("redis")."""
    seconds, _ = redis.time()
    numbers = range(seconds // 60 - count + 1, seconds // 60 + 1)
    pipe = redis.pipeline(transaction=False)
    counts = {number: pipe.hmget(keys.minute(number), "done", "dead", "waiting") for number in numbers}
    pipe.execute()
    return [
        Minute(number * 60_000, *(int(value or 0) for value in values.value))
        for number, values in counts.items()
    ]


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
