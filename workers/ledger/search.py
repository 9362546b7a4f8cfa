"""Finding jobs by what people know of them: an id, an alarm id, an event's name, an indicator's value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from msgspec import Struct
from redis import Redis

from workers.jobs import QUEUES
from workers.ledger import keys
from workers.ledger.desk import PAGE
from workers.ledger.ledger import answering
from workers.ledger.records import Head, read_body
from workers.refang import refang

#: Jobs that one search reads at most: a few seconds of work.
MOST_SCANNED = 20_000


class Found(Struct, frozen=True):
    """The ids that match, how many jobs were looked at, and whether there are more that were not."""

    ids: list[str]
    scanned: int
    more: bool


def search(redis: Redis, text: str, *, most: int = 50, scan: int = MOST_SCANNED) -> Found:
    """Find up to `most` jobs that say `text` in id, title or arguments, whatever its case and however defanged.

    Looks at open jobs, then dead ones, then done ones newest first, at `scan` of them at most. Raises
    ServiceAway("redis").
    """
    wanted = _plain(text)
    found: list[str] = []
    scanned = 0
    pages = _pages(redis, scan + 1)
    for page in pages:
        room = page[: scan - scanned]
        scanned += len(room)
        found += _matching(redis, room, text, wanted)
        if len(found) >= most or len(room) < len(page):
            return Found(found[:most], scanned, more=True)
    return Found(found, scanned, more=False)


def matches(wanted: str, title: str, arguments: Any) -> bool:
    """Tell whether `wanted` (refanged, without case) stands in a title or in a text of the arguments."""
    return wanted in _plain(title) or any(wanted in _plain(text) for text in _texts(arguments))


def _matching(redis: Redis, ids: list[str], text: str, wanted: str) -> Iterator[str]:
    with answering():
        pipe = redis.pipeline(transaction=False)
        for job_id in ids:
            pipe.get(keys.job(job_id))
        records = pipe.execute()
    for job_id, record in zip(ids, records, strict=True):
        if not record:
            continue
        head = Head.read(record)
        if job_id.startswith(text) or matches(wanted, head.title, read_body(head.body)):
            yield job_id


def _pages(redis: Redis, most: int) -> Iterator[list[str]]:
    """Yield ids by the page: open, dead, done; the newest first."""
    for key in (*map(keys.due, QUEUES), keys.DEAD, keys.DONE):
        for start in range(0, most, PAGE):
            with answering():
                page = cast("list[bytes]", redis.zrevrange(key, start, start + PAGE - 1))
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
