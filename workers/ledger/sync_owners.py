"""Which host has a run of the list sync: what it gathered lies on the disk of that host, and others leave it alone."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from workers.ledger import sync_keys
from workers.ledger.client import RedisClient
from workers.ledger.connection import now_ms

#: Seconds for which it is remembered who had a run last; after that what lies on a host's disk is too old anyway.
REMEMBERED_S = 3_600

#: Seconds for which a run that waits stays with its host; it is looked at once a minute.
WAITS_S = 300.0


class RunOwner(Struct, frozen=True):
    """The host that had a run last, and until when no other host goes on with it (ms of Redis' clock).

    A host is named by its name and the folder where its runs lie: workers that share both share their runs.
    """

    host: str
    until_ms: int


def owner_of(redis: RedisClient, job_id: str) -> RunOwner | None:
    """Return which host had a run last; None where no host had it for an hour."""
    text = redis.get(sync_keys.owner(job_id))
    return msgspec.json.decode(text, type=RunOwner) if text else None


def other_host(redis: RedisClient, job_id: str, host: str) -> str:
    """Return which other host has a run now; "" where this one may go on with it."""
    owner = owner_of(redis, job_id)
    return owner.host if owner and owner.host != host and owner.until_ms > now_ms(redis) else ""


def own(redis: RedisClient, job_id: str, host: str, seconds: float) -> str:
    """Note for so many seconds that a host has a run; return which one had it before, "" for none.

    Only the worker that has claimed the job does so: two never do at once.
    """
    before = owner_of(redis, job_id)
    owner = RunOwner(host, now_ms(redis) + int(seconds * 1000))
    redis.set(sync_keys.owner(job_id), msgspec.json.encode(owner), ex=REMEMBERED_S)
    return before.host if before else ""
