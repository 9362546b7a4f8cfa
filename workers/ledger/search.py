"""Finding jobs by what people know of them: an id, an alarm id, an event's name, an indicator's value."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from workers.core.jobs import QUEUES
from workers.indicators.refang import refang
from workers.ledger import keys
from workers.ledger.arrivals import take_over
from workers.ledger.client import RedisClient
from workers.ledger.dictionaries import Dictionaries
from workers.ledger.reader import PAGE
from workers.ledger.records import Head

#: Jobs that one search reads at most: a few seconds of work.
MOST_SCANNED = 20_000

#: What the ids of jobs look like.
_ID = re.compile(r"[0-9a-f]{24}")


class Found(Struct, frozen=True):
    """The ids that match, how many jobs were looked at, and whether there are more that were not."""

    ids: list[str]
    scanned: int
    more: bool


def search(
    redis: RedisClient, text: str, *, most: int = 50, scan: int = MOST_SCANNED, within_s: float = math.inf
) -> Found:
    """Find up to `most` jobs that say `text` in id, title or arguments, whatever its case and however defanged.

    The whole id of a job is looked up by itself, however many jobs there are. Else it looks at open jobs, then dead
    and refused ones, then done ones newest first, at `scan` of them and for `within_s` seconds at most. Raises
    ServiceAway("redis").
    """
    if is_job(redis, text):
        return Found([text], 1, more=False)
    ends_at = time.monotonic() + within_s
    wanted = _plain(text)
    job_ids: list[str] = []
    scanned = 0
    pages = _pages(redis, scan + 1)
    for page in pages:
        room = page[: scan - scanned]
        scanned += len(room)
        job_ids += _matching(redis, room, text, wanted)
        if len(job_ids) >= most or len(room) < len(page) or time.monotonic() > ends_at:
            return Found(job_ids[:most], scanned, more=True)
    return Found(job_ids, scanned, more=False)


def is_job(redis: RedisClient, text: str) -> bool:
    """Tell whether a text is the id of a job whose content is kept; raises ServiceAway("redis")."""
    return _ID.fullmatch(text) is not None and bool(redis.exists(keys.job(text)))


def matches(wanted: str, title: str, arguments: Any) -> bool:
    """Tell whether `wanted` (refanged, without case) stands in a title or in a text of the arguments."""
    return wanted in _plain(title) or any(wanted in _plain(text) for text in _texts(arguments))


def _matching(redis: RedisClient, ids: list[str], text: str, wanted: str) -> Iterator[str]:
    pipe = redis.pipeline()
    replies = {job_id: pipe.get(keys.job(job_id)) for job_id in ids}
    pipe.execute()
    dictionaries = Dictionaries(redis)
    for job_id, reply in replies.items():
        record = dictionaries.as_accepted(reply.value)
        if not record:
            continue
        head = Head.read(record)
        if job_id.startswith(text) or matches(wanted, head.title, head.arguments):
            yield job_id


def _pages(redis: RedisClient, most: int) -> Iterator[list[str]]:
    """Yield ids by the page: open, dead, refused, done; the newest first."""
    take_over(redis)
    for key in (*map(keys.due, QUEUES), keys.DEAD, keys.REFUSED_JOBS, keys.DONE):
        for start in range(0, most, PAGE):
            page = redis.zrevrange(key, start, start + PAGE - 1)
            if page:
                yield [job_id.decode() for job_id in page]
            if len(page) < PAGE:
                break


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif value is not None:
        yield str(value)


def _plain(text: str) -> str:
    return refang(text).casefold()
