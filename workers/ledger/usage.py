"""What fills Redis: how many jobs of each kind, the bytes of one, measured on a few, and how that will go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from workers.core.jobs import QUEUES
from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.ledger.connection import now_ms, send
from workers.ledger.markers import DAY_MS, TEXTS, WIDTH

#: Jobs of a kind that are measured, and texts of markers.
SAMPLES, TEXT_SAMPLES = 32, 64

#: Bytes of a text of markers beside the markers, and how much more than they need Redis takes for these.
TEXT_BYTES, ROUNDED = 110, 1.2

#: How finely the time is told in which Redis is full, as parts of a day.
STEPS_A_DAY = 10


class Usage(Struct, frozen=True):
    """One kind of thing in Redis: how many there are, and the bytes of one and of all of them."""

    kind: str
    count: int
    each: float

    @property
    def total(self) -> int:
        """The bytes of all of them."""
        return round(self.count * self.each)


class Pace(Struct, frozen=True):
    """How many jobs are done in a day, by those of the last day or of the time for which there are any."""

    jobs_a_day: float
    keep_bodies_days: float
    keep_markers_days: float


def usages(redis: RedisClient) -> list[Usage]:
    """Measure what Redis holds by samples, the largest part first; raises ServiceAway("redis")."""
    parts = [_jobs(redis, f"open jobs of {queue}", keys.due(queue)) for queue in QUEUES]
    parts += [_jobs(redis, "done jobs", keys.DONE), _jobs(redis, "dead jobs", keys.DEAD), _markers(redis)]
    parts.append(_indexed(redis, "quarantined items", keys.QUARANTINE, keys.quarantined))
    return sorted((usage for usage in parts if usage.count), key=lambda usage: -usage.total)


def pace(redis: RedisClient, *, keep_bodies_days: float, keep_markers_days: float) -> Pace:
    """Return how fast jobs are done; raises ServiceAway("redis")."""
    now = now_ms(redis)
    first = redis.zrangebyscore(keys.DONE, "-inf", "+inf", start=0, num=1, withscores=True)
    span_ms = min(DAY_MS, max(60_000.0, now - first[0][1])) if first else DAY_MS
    done = redis.zcount(keys.DONE, now - span_ms, "+inf")
    return Pace(done * DAY_MS / span_ms, keep_bodies_days, keep_markers_days)


def forecast(parts: Sequence[Usage], used: int, pace_: Pace) -> Iterator[int]:
    """Yield the bytes that Redis will use at this pace, tenth of a day by tenth, until nothing more changes.

    What is neither a done job nor a marker stays as it is.
    """
    kinds = {usage.kind: usage for usage in parts}
    done, markers = (kinds.get(kind, Usage(kind, 0, 0)) for kind in ("done jobs", "markers"))
    rest = used - done.total - markers.total
    last_done = pace_.jobs_a_day * pace_.keep_bodies_days
    last_markers = pace_.jobs_a_day * pace_.keep_markers_days
    for step in range(int(pace_.keep_markers_days * STEPS_A_DAY) + 1):
        days = step / STEPS_A_DAY
        done_then = _between(done.count, last_done, days / pace_.keep_bodies_days)
        markers_then = _between(markers.count, last_markers, days / pace_.keep_markers_days)
        grown = bytes_of_markers(markers_then) - bytes_of_markers(markers.count)
        yield round(rest + done_then * done.each + max(0, markers.total + grown))


def bytes_of_markers(count: float) -> float:
    """Return the bytes that so many markers take."""
    return count * WIDTH * ROUNDED + min(count, TEXTS) * TEXT_BYTES


def _between(first: float, last: float, share: float) -> float:
    return first + (last - first) * min(1.0, share)


def _jobs(redis: RedisClient, kind: str, index: str) -> Usage:
    return _indexed(redis, kind, index, keys.job, keys.progress)


def _indexed(redis: RedisClient, kind: str, index: str, *key_of: Callable[[str], str]) -> Usage:
    """Measure what a sorted set names, and the set itself."""
    count = redis.zcard(index)
    ranks = sorted({count * place // SAMPLES for place in range(SAMPLES)}) if count else []
    answers = send(redis, [("ZRANGE", index, rank, rank) for rank in ranks]) if ranks else []
    ids = [answer[0].decode() for answer in answers if answer]
    commands = [("MEMORY", "USAGE", key(job_id)) for job_id in ids for key in key_of]
    if not commands:
        return Usage(kind, 0, 0)
    *sizes, of_index = send(redis, [*commands, ("MEMORY", "USAGE", index)])
    return Usage(kind, count, sum(size or 0 for size in sizes) / len(ids) + (of_index or 0) / count)


def _markers(redis: RedisClient) -> Usage:
    names = [keys.ended(f"{TEXTS * place // TEXT_SAMPLES:04x}") for place in range(TEXT_SAMPLES)]
    lengths = sum(send(redis, [("STRLEN", name) for name in names]))
    taken = sum(size or 0 for size in send(redis, [("MEMORY", "USAGE", name) for name in names]))
    count = lengths // WIDTH
    return Usage("markers", count * TEXTS // TEXT_SAMPLES, taken / count if count else 0)
