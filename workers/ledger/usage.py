"""What fills Redis: how many jobs of each kind, the bytes of one, measured on a few, and how that will go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from workers.core.jobs import QUEUES
from workers.core.text import size
from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.ledger.connection import now_ms, send
from workers.ledger.ingest import waiting_for_bridge
from workers.ledger.markers import DAY_MS, TEXTS, WIDTH
from workers.ledger.small_writes import write

if TYPE_CHECKING:
    from workers.ledger.accept import Word

#: Jobs of a kind that are measured, and texts of markers.
SAMPLES, TEXT_SAMPLES = 32, 64

#: Bytes of a text of markers beside the markers, and how much more than they need Redis takes for these.
TEXT_BYTES, ROUNDED = 110, 1.2

#: What frees the memory that a kind of thing fills.
REMEDIES = {
    "done jobs": "lower keep_bodies_days, or tqctl purge --done-older-than 12h",
    "markers": "lower keep_markers_days, or tqctl purge --markers-older-than 30d",
    "dead jobs": "tqctl dead replay, or drop",
    "quarantined items": "tqctl dead drop --quarantined",
    "messages for the Redis bridge": "start tq-redis-bridge; its log says what it waits for",
    "keys of another program": "redis-cli --memkeys names the largest; give the ledger a Redis of its own",
    "other keys": "redis-cli --memkeys names the largest",
}

#: The same for open jobs of any queue.
WORK = "start more workers, or see what the jobs wait for (tqctl status)"

#: Kinds that are named to those who are refused, and the least share of all that is worth it.
MOST_NAMED, LEAST_SHARE = 3, 0.05

#: Keys that are looked at to tell whether another program has some here, and seconds for which what was found is said.
KEY_SAMPLES, SAID_S = 100, 60

#: Bytes that Redis counts as data and needs itself, at most.
ITS_OWN_BYTES = 8_000_000

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

    def __str__(self) -> str:
        """Say how much it takes."""
        return f"{self.kind} {size(self.total)}" + (f" ({self.count:,})" if self.count > 1 else "")

    @property
    def remedy(self) -> str:
        """What really frees the memory that it takes."""
        return REMEDIES.get(self.kind, WORK)


class Pace(Struct, frozen=True):
    """How many jobs are done in a day, by those of the last day or of the time for which there are any."""

    jobs_a_day: float
    keep_bodies_days: float
    keep_markers_days: float


def usages(redis: RedisClient) -> list[Usage]:
    """Measure what Redis holds by samples, the largest part first; raises ServiceAway("redis")."""
    ours = _ours(redis)
    parts = [*ours, _rest(redis, sum(usage.total for usage in ours))]
    return sorted((usage for usage in parts if usage.count), key=lambda usage: -usage.total)


def fills(parts: Sequence[Usage]) -> str:
    """Say which of `parts`, the largest first, fill Redis most, and what frees the largest; "" where there are none."""
    least = LEAST_SHARE * sum(usage.total for usage in parts)
    named = [usage for usage in parts[:MOST_NAMED] if usage.total >= least]
    if not named:
        return ""
    rest = ", ".join(map(str, named[1:]))
    return f"{named[0]}: {named[0].remedy}" + (f"; then {rest}" if rest else "")


def note_fills(redis: RedisClient) -> None:
    """Measure what fills Redis, once a minute, for those who are refused; raises ServiceAway("redis")."""
    if not redis.exists(keys.FILLS):
        write(redis, ("SET", keys.FILLS, fills(usages(redis)), "EX", SAID_S))


def _ours(redis: RedisClient) -> list[Usage]:
    parts = [_jobs(redis, f"open jobs of {queue}", keys.due(queue)) for queue in QUEUES]
    parts += [_jobs(redis, "done jobs", keys.DONE), _jobs(redis, "dead jobs", keys.DEAD), _markers(redis)]
    parts.append(_indexed(redis, "quarantined items", keys.QUARANTINE, keys.quarantined))
    ingest = waiting_for_bridge(redis)
    each = ingest.bytes / ingest.messages if ingest.messages else 0
    return [*parts, Usage("messages for the Redis bridge", ingest.messages, each)]


def _rest(redis: RedisClient, known: int) -> Usage:
    """Return what Redis holds beside `known` bytes: keys of another program, or of ours what is nothing of all this."""
    info = redis.info()
    rest = max(0, int(info["used_memory_dataset"]) - known)
    count, *names = send(redis, [("DBSIZE",), *[("RANDOMKEY",)] * KEY_SAMPLES])
    strange = sum(1 for name in names if name and not name.startswith(keys.PREFIX.encode()))
    others = [
        database["keys"] for name, database in info.items() if name.startswith("db") and "keys" in database
    ]
    strange = round(strange / KEY_SAMPLES * count) + sum(others) - count
    if strange > 0:
        return Usage("keys of another program", strange, rest / strange)
    return Usage("other keys", 1 if rest > ITS_OWN_BYTES else 0, rest)


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
    # All fields count: of those of a hash that Redis would look at by itself, the largest may be none.
    commands: list[tuple[Word, ...]] = [
        ("MEMORY", "USAGE", key(job_id), "SAMPLES", 0) for job_id in ids for key in key_of
    ]
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
