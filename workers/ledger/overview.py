"""The ledger at a glance: each queue, each breaker, the dead, the done, the unreadable, read in two round trips."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from redis import Redis

from workers.jobs import QUEUES
from workers.ledger import keys
from workers.ledger.ledger import answering

#: The services that have a breaker, and their names as people use them.
SERVICES = {"threatq": "ThreatQ", "logrhythm": "LogRhythm"}

#: Milliseconds in a minute and an hour.
MINUTE_MS, HOUR_MS = 60_000, 3_600_000

#: Bytes within which the first line of a record, its time of acceptance, ends.
ACCEPTED_BYTES = 20


class Queue(Struct, frozen=True):
    """One queue: open jobs, those that are ready now, seconds since its next job was accepted, and if it is paused.

    What is open and not ready is being worked on or put off. `bells` wait in Celery's queue.
    """

    name: str
    open: int
    ready: int
    oldest_s: float
    bells: int
    paused: bool


class Away(Struct, frozen=True):
    """A service that is away: why, since when and until when nobody calls it (ms of Redis' clock)."""

    service: str
    reason: str
    since_ms: int
    until_ms: int
    failures: int


class Overview(Struct, frozen=True):
    """All of it at `at_ms` of Redis' clock; `upkeep_s` is how long upkeep has been silent, None if it never ran.

    `lacking` says by service what is not set up of it, "" for nothing; a service that no worker told about is absent.
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


def overview(redis: Redis) -> Overview:
    """Read the ledger; raises ServiceAway("redis")."""
    with answering():
        seconds, micros = redis.time()
        now = seconds * 1000 + micros // 1000
        pipe = redis.pipeline(transaction=False)
        for queue in QUEUES:
            pipe.zcard(keys.due(queue))
            pipe.zcount(keys.due(queue), "-inf", now)
            pipe.llen(keys.bells(queue))
            pipe.sismember(keys.PAUSED, queue)
            pipe.zrange(keys.due(queue), 0, 0)
        for service in SERVICES:
            pipe.hgetall(keys.away(service))
        for since in (now - MINUTE_MS, now - HOUR_MS):
            pipe.zcount(keys.DONE, since, "+inf")
        pipe.zcard(keys.DONE)
        pipe.zcard(keys.DEAD)
        pipe.zcard(keys.QUARANTINE)
        pipe.get(keys.UPKEEP)
        pipe.hgetall(keys.LACKING)
        answers: list[Any] = pipe.execute()
    per_queue = [answers[5 * at : 5 * at + 5] for at in range(len(QUEUES))]
    *breakers, last_minute, last_hour, done, dead, quarantined, upkeep, lacking = answers[5 * len(QUEUES) :]
    ages = _ages(redis, [first for *_, first in per_queue], now)
    return Overview(
        at_ms=now,
        queues=[
            Queue(name, open_, ready, age_s, bells, bool(paused))
            for name, (open_, ready, bells, paused, _), age_s in zip(QUEUES, per_queue, ages, strict=True)
        ],
        away=[_away(name, one) for name, one in zip(SERVICES, breakers, strict=True) if one],
        dead=dead,
        done=done,
        done_last_minute=last_minute,
        done_last_hour=last_hour,
        upkeep_s=None if upkeep is None else max(0.0, (now - int(upkeep)) / 1000),
        lacking={name.decode(): why.decode() for name, why in lacking.items()},
        quarantined=quarantined,
    )


def _ages(redis: Redis, firsts: list[list[bytes]], now: int) -> list[float]:
    """Return the seconds since the job that is due first was accepted, 0 where there is none."""
    with answering():
        pipe = redis.pipeline(transaction=False)
        for first in firsts:
            pipe.getrange(keys.job(first[0].decode() if first else ""), 0, ACCEPTED_BYTES)
        beginnings = [beginning.partition(b"\n")[0] for beginning in pipe.execute()]
    return [max(0.0, (now - int(accepted)) / 1000) if accepted else 0.0 for accepted in beginnings]


def _away(service: str, fields: dict[bytes, bytes]) -> Away:
    def number(name: bytes) -> int:
        return int(fields.get(name, b"0"))

    reason = fields.get(b"reason", b"").decode(errors="replace")
    return Away(service, reason, number(b"since"), number(b"until"), number(b"failures"))
