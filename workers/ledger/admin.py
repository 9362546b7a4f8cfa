"""The operator's side of the ledger: look a job up, wait for it, replay the dead, pause a queue.

Finding jobs by what people know of them: an id, an alarm id, an event's name, an indicator's value.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Literal, cast

import msgspec
from msgspec import Struct

from workers.core.jobs import QUEUES
from workers.indicators.refang import refang
from workers.ledger import keys
from workers.ledger.client import Entries, RedisClient, Reply
from workers.ledger.connection import run, send
from workers.ledger.history import HistoryNote, read_history, wait_for_outcome
from workers.ledger.markers import Marker, find, has_marker, text_of
from workers.ledger.records import Entry, Head, Record, State, Suspension
from workers.ledger.scripts import Script

#: What became of one part of a request: of a job, whether it is still known or not, or of what no job came of.
BatchState = State | Literal["forgotten", "refused"]

REPLAY, DROP = Script("replay", "history", when_full=True), Script("drop", when_full=True)

#: Bytes within which the six lines of a record end, whatever its title.
HEAD_BYTES = 2_047

#: Jobs that are read in one round trip when many are listed.
PAGE = 200


class LedgerAdmin:
    """Reads and mends what the ledger holds; raises ServiceAway("redis") like the ledger itself."""

    def __init__(self, redis: RedisClient) -> None:
        self.redis = redis

    def record(self, job_id: str) -> Record | None:
        """Return what is known of a job, or None when the ledger does not (or no longer) know it."""
        return next(self.records([job_id]), None)

    def records(self, job_ids: Sequence[str]) -> Iterator[Record]:
        """Yield the records of those jobs that the ledger knows, in the order given."""
        for start in range(0, len(job_ids), PAGE):
            page = job_ids[start : start + PAGE]
            pipe = self.redis.pipeline(transaction=False)
            replies = [
                (
                    job_id,
                    pipe.getrange(keys.job(job_id), 0, HEAD_BYTES),
                    pipe.hgetall(keys.progress(job_id)),
                    pipe.xrange(keys.history(job_id)),
                    [pipe.zscore(keys.due(queue), job_id) for queue in QUEUES],
                )
                for job_id in page
            ]
            pipe.execute()
            for job_id, head, progress, history, scores in replies:
                if head.value:
                    yield _record(job_id, Head.read(head.value), progress.value, history.value, scores)

    def marker(self, job_id: str) -> Marker | None:
        """Return what stays of a job whose content is no longer kept, or None where nothing does."""
        if not has_marker(job_id):
            return None
        text = self.redis.get(keys.ended(text_of(job_id)))
        return find(job_id, text) if text else None

    def arguments(self, job_id: str) -> dict[str, Any] | None:
        """Return a job's arguments, or None when the ledger does not hold them, or only a newer version reads them."""
        record = self.redis.get(keys.job(job_id))
        return Head.read(record).arguments if record else None

    def outcome(self, job_id: str, *, wait_s: float = 0.0) -> Entry | None:
        """Return the entry with which a job became done or dead, waiting up to `wait_s` seconds for it.

        A job that was put off ends the wait too, since it may wait for hours: its entry has the state
        "waiting". None: nothing happened within the time.
        """
        note = wait_for_outcome(partial(send, self.redis), job_id, wait_s)
        return None if note is None else _entry(note)

    def ids(self, state: State, *, most: int = PAGE, queue: str = "") -> list[str]:
        """Return ids of jobs, newest first for done and dead ones, next due first for open ones."""
        if state in ("done", "dead"):
            key = keys.DONE if state == "done" else keys.DEAD
            found = self.redis.zrevrange(key, 0, most - 1)
        else:
            found = []
            for name in (queue,) if queue else QUEUES:
                found += self.redis.zrange(keys.due(name), 0, most - 1)
        return [job_id.decode() for job_id in found]

    def replay(self, job_ids: Sequence[str], *, note: dict[str, Any], body: bytes = b"") -> list[str]:
        """Open dead or done jobs again, with a new compressed `body` if one is given; return their ids."""
        arguments: list[Any] = [keys.PREFIX, msgspec.json.encode(note)]
        for job_id in job_ids:
            arguments += (job_id, body)
        opened = run(self.redis, REPLAY, [keys.DEAD, keys.DONE], arguments)
        return [job_id.decode() for job_id in opened]

    def drop(self, job_ids: Sequence[str]) -> int:
        """Forget dead jobs for good; return how many there were. What is no longer dead stays."""
        return int(run(self.redis, DROP, [keys.DEAD], [keys.PREFIX, *job_ids]))

    def counts(self) -> dict[str, int]:
        """Return the counters, `<event>:<kind>:<producer>` -> how often since the ledger began."""
        counts = self.redis.hgetall(keys.COUNTS)
        return {name.decode(): int(count) for name, count in counts.items()}

    def open_jobs(self) -> dict[str, int]:
        """Return how many jobs are open in each queue."""
        pipe = self.redis.pipeline(transaction=False)
        counts = {queue: pipe.zcard(keys.due(queue)) for queue in QUEUES}
        pipe.execute()
        return {queue: count.value for queue, count in counts.items()}

    def batch_states(self, batch_id: str) -> list[tuple[str, BatchState]] | None:
        """Return the jobs of one request and their states, or None when the batch is not (or no longer) known.

        What was refused of it follows, by the ids that it has in the quarantine.
        """
        text = self.redis.get(keys.batch(batch_id))
        if text is None:
            return None
        words = text.decode().split()
        ids = [word for word in words if not word.startswith(keys.REFUSED)]
        pipe = self.redis.pipeline(transaction=False)
        replies = [
            (job_id, pipe.exists(keys.job(job_id)), pipe.hget(keys.progress(job_id), "state"))
            for job_id in ids
        ]
        pipe.execute()
        states: list[tuple[str, BatchState]] = [
            (job_id, cast("State", (state.value or b"accepted").decode()) if known.value else "forgotten")
            for job_id, known, state in replies
        ]
        return states + [(word.removeprefix(keys.REFUSED), "refused") for word in words[len(ids) :]]

    def dead_count(self) -> int:
        """Return how many jobs are dead."""
        return self.redis.zcard(keys.DEAD)

    def dead_records(self) -> Iterator[Record]:
        """Yield every dead letter, the newest first; the list is taken at the beginning."""
        ids = self.redis.zrevrange(keys.DEAD, 0, -1)
        return self.records([job_id.decode() for job_id in ids])

    def away(self, service: str) -> dict[str, str]:
        """Return the state of a service's breaker (until, since, failures, reason); empty while it is well."""
        fields = self.redis.hgetall(keys.away(service))
        return {name.decode(): text.decode() for name, text in fields.items()}

    def pause(self, queue: str, *, workers: Sequence[str] = ()) -> None:
        """Let no worker claim from `queue` until it is resumed; remember the `workers` that stop consuming it."""
        self.redis.sadd(keys.PAUSED, queue)
        if workers:
            self.redis.sadd(keys.paused_workers(queue), *workers)

    def resume(self, queue: str) -> list[str]:
        """Let workers claim from `queue` again, and judge anew how many of its jobs die.

        Returns the workers that stopped consuming it when it was paused.
        """
        pipe = self.redis.pipeline()
        workers = pipe.smembers(keys.paused_workers(queue))
        pipe.delete(keys.paused_workers(queue), keys.suspended(queue), keys.recent(queue))
        pipe.srem(keys.PAUSED, queue)
        pipe.execute()
        return sorted(name.decode() for name in workers.value)

    def stopped_workers(self, queue: str) -> list[str]:
        """Return the workers that stopped consuming `queue` when it was paused."""
        names = self.redis.smembers(keys.paused_workers(queue))
        return sorted(name.decode() for name in names)

    def suspension(self, queue: str) -> Suspension | None:
        """Return why the ledger paused `queue` by itself, None when it did not."""
        fields = self.redis.hgetall(keys.suspended(queue))
        if not fields:
            return None
        reason = str(msgspec.json.decode(fields[b"entry"]).get("reason", ""))
        return Suspension(int(fields[b"since"]), int(fields[b"dead"]), int(fields[b"of"]), reason)

    def paused(self) -> set[str]:
        """Return the queues that are paused."""
        return {name.decode() for name in self.redis.smembers(keys.PAUSED)}


def _record(
    job_id: str,
    head: Head,
    progress: dict[bytes, bytes],
    history: Entries,
    scores: list[Reply[float | None]],
) -> Record:
    due = next((score.value for score in scores if score.value is not None), None)
    since = progress.get(b"since")
    return Record(
        id=job_id,
        kind=head.kind,
        queue=head.queue,
        producer=head.producer,
        state=cast("State", progress.get(b"state", b"accepted").decode()),
        title=head.title,
        trace=head.trace,
        accepted_ms=head.accepted_ms,
        attempts=int(progress.get(b"attempts", 0)),
        lost=int(progress.get(b"lost", 0)),
        due_ms=None if due is None else int(due),
        since_ms=None if since is None else int(since),
        history=[_entry(note) for note in read_history(progress.get(b"history"), history)],
    )


def _entry(note: HistoryNote) -> Entry:
    return Entry(at_ms=note.at_ms, state=cast("State", note.state), note=msgspec.json.decode(note.text))


#: Jobs that one search reads at most: a few seconds of work.
MOST_SCANNED = 20_000


class Found(Struct, frozen=True):
    """The ids that match, how many jobs were looked at, and whether there are more that were not."""

    ids: list[str]
    scanned: int
    more: bool


def search(
    redis: RedisClient, text: str, *, most: int = 50, scan: int = MOST_SCANNED, within_s: float = math.inf
) -> Found:
    """Find up to `most` jobs that say `text` in id, title or arguments, whatever its case and however defanged.

    Looks at open jobs, then dead ones, then done ones newest first, at `scan` of them and for `within_s` seconds at
    most. Raises ServiceAway("redis").
    """
    ends_at = time.monotonic() + within_s
    wanted = _plain(text)
    found: list[str] = []
    scanned = 0
    pages = _pages(redis, scan + 1)
    for page in pages:
        room = page[: scan - scanned]
        scanned += len(room)
        found += _matching(redis, room, text, wanted)
        if len(found) >= most or len(room) < len(page) or time.monotonic() > ends_at:
            return Found(found[:most], scanned, more=True)
    return Found(found, scanned, more=False)


def matches(wanted: str, title: str, arguments: Any) -> bool:
    """Tell whether `wanted` (refanged, without case) stands in a title or in a text of the arguments."""
    return wanted in _plain(title) or any(wanted in _plain(text) for text in _texts(arguments))


def _matching(redis: RedisClient, ids: list[str], text: str, wanted: str) -> Iterator[str]:
    pipe = redis.pipeline(transaction=False)
    records = {job_id: pipe.get(keys.job(job_id)) for job_id in ids}
    pipe.execute()
    for job_id, record in records.items():
        if not record.value:
            continue
        head = Head.read(record.value)
        if job_id.startswith(text) or matches(wanted, head.title, head.arguments):
            yield job_id


def _pages(redis: RedisClient, most: int) -> Iterator[list[str]]:
    """Yield ids by the page: open, dead, done; the newest first."""
    for key in (*map(keys.due, QUEUES), keys.DEAD, keys.DONE):
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
