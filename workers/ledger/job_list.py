"""Lists of jobs with filters, page by page, from the indexes that there are.

However many jobs Redis holds, one call looks at a bounded number of them and says where the next one goes on.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct

from workers.core.errors import InputError
from workers.core.jobs import QUEUES
from workers.indicators.refang import refang
from workers.ledger import keys
from workers.ledger.arrivals import take_over
from workers.ledger.client import RedisClient
from workers.ledger.connection import send
from workers.ledger.dictionaries import Dictionaries
from workers.ledger.records import Head
from workers.ledger.search import is_job, matches

#: Jobs that one call looks at, and seconds that it takes, at most; and jobs that go in one round trip.
MOST_SCANNED, WITHIN_S, PAGE = 2_000, 2.0, 200

#: Bytes in which the lines of a record end that are looked at: time, kind, queue, producer and sender.
LINES_BYTES = 511

#: What may be asked for: a state, all jobs that are open, or every job ("").
Wanted = Literal["", "open", "accepted", "running", "waiting", "dead", "refused", "done"]

WANTED: tuple[Wanted, ...] = ("", "open", "accepted", "running", "waiting", "dead", "refused", "done")

#: The indexes of jobs that have ended.
_ENDED = {"dead": keys.DEAD, "refused": keys.REFUSED_JOBS, "done": keys.DONE}

_CURSOR = re.compile(r"([a-z]+)-(\d{1,16})-([0-9a-f]{24})")


class JobFilter(Struct, frozen=True):
    """Which jobs are wanted; "" and None: any. `entry` is the producer.

    Times (ms) are those at which a job ended, of an open one at which it was accepted: `since_ms` counts, `until_ms`
    no more. `text` stands in the id, the title or the arguments, whatever its case and however defanged.
    """

    state: Wanted = ""
    kind: str = ""
    queue: str = ""
    sender: str = ""
    entry: str = ""
    since_ms: int | None = None
    until_ms: int | None = None
    text: str = ""


class JobPage(Struct, frozen=True):
    """Ids that match, the latest first in each index; where to go on, "" at the end; how many were looked at."""

    ids: list[str]
    cursor: str
    scanned: int


def list_jobs(
    redis: RedisClient,
    wanted: JobFilter,
    *,
    most: int,
    cursor: str = "",
    scan: int = MOST_SCANNED,
    within_s: float = WITHIN_S,
) -> JobPage:
    """Return up to `most` jobs after `cursor`: open ones by when they are due, then dead, refused and done ones.

    A job that changes its index meanwhile may be missed or come twice. Raises InputError for a cursor that is none of
    ours, ServiceAway("redis").
    """
    if wanted.text and not cursor and is_job(redis, wanted.text):
        return JobPage([wanted.text], "", 1)
    if not cursor and wanted.state not in _ENDED:
        take_over(redis)
    ends, scanned, last = time.monotonic() + within_s, 0, cursor
    ids: list[str] = []
    dictionaries = Dictionaries(redis)
    for name, page in _pages(redis, wanted, cursor):
        for job_id, at_ms, is_wanted in _looked_at(redis, dictionaries, wanted, name, page):
            scanned, last = scanned + 1, f"{name}-{at_ms}-{job_id}"
            if is_wanted:
                ids.append(job_id)
            if len(ids) == most or scanned == scan:
                return JobPage(ids, last, scanned)
        if time.monotonic() > ends:
            return JobPage(ids, last, scanned)
    return JobPage(ids, "", scanned)


def _indexes(wanted: JobFilter) -> dict[str, str]:
    """Return the indexes that may hold what is wanted, by their names."""
    if wanted.state in _ENDED:
        return {wanted.state: _ENDED[wanted.state]}
    queues = {queue: keys.due(queue) for queue in QUEUES if wanted.queue in ("", queue)}
    return {**queues, **_ENDED} if not wanted.state else queues


def _pages(redis: RedisClient, wanted: JobFilter, cursor: str) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """Yield ids and times by the page, with the name of their index."""
    indexes = _indexes(wanted)
    begin, at_ms, last = _read(cursor, indexes)
    names = list(indexes)[list(indexes).index(begin) if begin else 0 :]
    for name in names:
        key, is_ended = indexes[name], name in _ENDED
        rank = (
            _rank_after(redis, key, at_ms, last)
            if name == begin
            else _first_rank(redis, key, is_ended, wanted)
        )
        while page := _page(redis, key, rank):
            if name == begin:
                page = [(job_id, ms) for job_id, ms in page if (ms, job_id) < (at_ms, last)]
            recent = [entry for entry in page if not is_ended or entry[1] >= (wanted.since_ms or 0)]
            yield name, recent
            if len(recent) < len(page):
                break
            rank += PAGE


def _read(cursor: str, indexes: dict[str, str]) -> tuple[str, int, str]:
    """Return the index, time and id at which a cursor stands."""
    if not cursor:
        return "", 0, ""
    match = _CURSOR.fullmatch(cursor)
    if not match or match[1] not in indexes:
        raise InputError("is none that this list gave; begin without one", field="cursor")
    return match[1], int(match[2]), match[3]


def _rank_after(redis: RedisClient, key: str, at_ms: int, last: str) -> int:
    """Return the place behind the last job that was seen; of one that is gone, the first place of its time."""
    score, rank, newer = send(
        redis, [("ZSCORE", key, last), ("ZREVRANK", key, last), ("ZCOUNT", key, f"({at_ms}", "+inf")]
    )
    return int(rank) + 1 if score is not None and int(float(score)) == at_ms else int(newer)


def _first_rank(redis: RedisClient, key: str, is_ended: bool, wanted: JobFilter) -> int:
    return redis.zcount(key, wanted.until_ms, "+inf") if is_ended and wanted.until_ms is not None else 0


def _page(redis: RedisClient, key: str, rank: int) -> list[tuple[str, int]]:
    pipe = redis.pipeline()
    entries = pipe.zrevrange(key, rank, rank + PAGE - 1, withscores=True)
    pipe.execute()
    return [(job_id.decode(), int(score)) for job_id, score in entries.value]


def _looked_at(
    redis: RedisClient,
    dictionaries: Dictionaries,
    wanted: JobFilter,
    index: str,
    page: list[tuple[str, int]],
) -> Iterator[tuple[str, int, bool]]:
    """Yield each job of a page with its time, and whether it is wanted."""
    commands: list[tuple[Any, ...]] = []
    for job_id, _ in page:
        name = keys.job(job_id)
        commands += (
            ("GET", name) if wanted.text else ("GETRANGE", name, 0, LINES_BYTES),
            ("HGET", keys.progress(job_id), "state"),
        )
    answers = send(redis, commands) if commands else []
    for (job_id, at_ms), record, state in zip(page, answers[::2], answers[1::2], strict=True):
        fits = bool(record) and _fits(wanted, index, record, (state or b"accepted").decode())
        yield job_id, at_ms, fits and _says(dictionaries, wanted.text, job_id, record)


def _fits(wanted: JobFilter, index: str, record: bytes, state: str) -> bool:
    accepted, kind, queue, origin = (line.decode() for line in record.removeprefix(b"+").split(b"\n", 4)[:4])
    entry, _, sender = origin.partition(" ")
    pairs = (
        (wanted.kind, kind.partition(" ")[0]),
        (wanted.queue, queue),
        (wanted.sender, sender),
        (wanted.entry, entry),
    )
    if any(asked not in ("", value) for asked, value in pairs):
        return False
    if index in _ENDED:
        return True
    if wanted.state not in ("", "open", state):
        return False
    return (wanted.since_ms or 0) <= int(accepted) and (
        wanted.until_ms is None or int(accepted) < wanted.until_ms
    )


def _says(dictionaries: Dictionaries, text: str, job_id: str, record: bytes) -> bool:
    if not text or job_id.startswith(text):
        return True
    whole = dictionaries.as_accepted(record)
    if not whole:
        return False
    head = Head.read(whole)
    return matches(refang(text).casefold(), head.title, head.arguments)
