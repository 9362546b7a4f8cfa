"""Payloads under a mistyped name, where no Redis bridge looks: lists and streams that are called almost as ours."""

from __future__ import annotations

import time
from collections.abc import Iterator
from difflib import SequenceMatcher

from msgspec import Struct

from workers.ledger import keys
from workers.ledger.client import RedisClient, RedisRefusal

#: What people may have meant, by the type of the key that they made.
MEANT = {"list": (keys.INGEST_RPUSH, keys.INGEST_LPUSH), "stream": (keys.INGEST_STREAM,)}

#: How the names of our other lists begin.
OURS = (keys.CELERY_PREFIX, *(keys.ingest_taken(name, "") for name in MEANT["list"]))

#: How much of two names must agree (0 to 1) for one to be taken for the other.
ALIKE = 0.72

#: Keys that Redis looks at in one call, seconds in all, and names that are told.
AT_ONCE, WITHIN_S, MOST_TOLD = 2_000, 3.0, 20


class Stray(Struct, frozen=True):
    """A key near one of ours: how many payloads lie there (None: our user may not ask), and which was meant."""

    name: str
    kind: str
    count: int | None
    meant: str


def strays(redis: RedisClient) -> list[Stray]:
    """Look for them among all names, for a bounded time; raises ServiceAway("redis")."""
    ends = time.monotonic() + WITHIN_S
    named = {name: kind for kind in MEANT for name in _names(redis, kind, ends) if meant(name, kind)}
    return [
        Stray(name, kind, _count(redis, name, kind), meant(name, kind))
        for name, kind in sorted(named.items())[:MOST_TOLD]
    ]


def _names(redis: RedisClient, kind: str, ends: float) -> Iterator[str]:
    cursor, names = redis.scan(0, count=AT_ONCE, _type=kind)
    while True:
        yield from (name.decode(errors="replace") for name in names)
        if not cursor or time.monotonic() > ends:
            return
        cursor, names = redis.scan(cursor, count=AT_ONCE, _type=kind)


def meant(name: str, kind: str) -> str:
    """Return which of our ingest keys a list or a stream was probably meant to be, "" for none and for one of ours."""
    if name in MEANT[kind] or name.startswith(OURS):
        return ""
    best = max(MEANT[kind], key=lambda ours: _likeness(name, ours))
    return best if _likeness(name, best) >= ALIKE else ""


def _likeness(name: str, ours: str) -> float:
    """Compare two names without braces and case; the part that tells our three apart may be missing."""
    plain, whole = (text.casefold().replace("{", "").replace("}", "") for text in (name, ours))
    short = whole.rpartition(":")[0]
    return max(SequenceMatcher(None, plain, known, autojunk=False).ratio() for known in (whole, short))


def _count(redis: RedisClient, name: str, kind: str) -> int | None:
    try:
        return redis.llen(name) if kind == "list" else redis.xlen(name)
    except RedisRefusal:
        return None
