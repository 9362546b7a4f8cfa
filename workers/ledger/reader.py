"""What an operator sees of the ledger: look a job up, wait for it, list what is open, done or dead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Literal, cast

import msgspec
from msgspec import structs

from workers.core.jobs import QUEUES
from workers.core.text import linked
from workers.ledger import keys
from workers.ledger.arrivals import take_over
from workers.ledger.breaker_records import Pause, read_pause, read_queue_wait
from workers.ledger.client import Entries, RedisClient, Reply
from workers.ledger.connection import follow, send
from workers.ledger.dictionaries import HEAD_BYTES, Dictionaries
from workers.ledger.history import HistoryNote, read_history, wait_for_outcome
from workers.ledger.markers import Marker, find, has_marker, text_of
from workers.ledger.packed import is_packed
from workers.ledger.pauses import pause_flow
from workers.ledger.records import Entry, Head, Record, State, Suspension

#: What became of one part of a request: of a job, whether it is still known or not, or of what no job came of.
BatchState = State | Literal["forgotten", "refused"]

#: Where the jobs of each state are listed that has ended.
ENDED: dict[State, str] = {"done": keys.DONE, "dead": keys.DEAD, "refused": keys.REFUSED_JOBS}

#: Jobs that are read in one round trip when many are listed.
PAGE = 200


class LedgerReader:
    """Reads what the ledger holds; raises ServiceAway("redis") like the ledger itself."""

    def __init__(self, redis: RedisClient) -> None:
        self.redis = redis
        self.dictionaries = Dictionaries(redis)

    def record(self, job_id: str) -> Record | None:
        """Return what is known of a job, or None when the ledger does not (or no longer) know it."""
        return next(self.records([job_id]), None)

    def records(self, job_ids: Sequence[str]) -> Iterator[Record]:
        """Yield the records of those jobs that the ledger knows, in the order given."""
        for start in range(0, len(job_ids), PAGE):
            page = job_ids[start : start + PAGE]
            pipe = self.redis.pipeline()
            replies = [
                (
                    job_id,
                    # A job may be packed meanwhile: then it has no progress any more, and its record all of it.
                    pipe.hgetall(keys.progress(job_id)),
                    pipe.getrange(keys.job(job_id), 0, HEAD_BYTES),
                    pipe.xrange(keys.history(job_id)),
                    [pipe.zscore(keys.due(queue), job_id) for queue in QUEUES],
                )
                for job_id in page
            ]
            breakers = {queue: pipe.hgetall(keys.away(queue)) for queue in QUEUES}
            pauses = {queue: pipe.hgetall(keys.pause(queue)) for queue in QUEUES}
            pipe.execute()
            waits = {queue: fields.value for queue, fields in breakers.items() if fields.value}
            paused = {
                queue: read_pause(queue, fields.value) for queue, fields in pauses.items() if fields.value
            }
            for job_id, progress, head, history, scores in replies:
                text, fields = self.dictionaries.read(job_id, head.value, progress.value)
                if text:
                    record = _record(job_id, Head.read(text), fields, history.value, scores)
                    record = _waiting_with_its_queue(record, waits.get(record.queue))
                    yield _paused_with_its_queue(record, paused.get(record.queue))

    def marker(self, job_id: str) -> Marker | None:
        """Return what stays of a job whose content is no longer kept, or None where nothing does."""
        if not has_marker(job_id):
            return None
        text = self.redis.get(keys.ended(text_of(job_id)))
        marker = find(job_id, text) if text else None
        return marker and structs.replace(
            marker, link=linked(self.redis.get(keys.EVENT_LINK), marker.event_id)
        )

    def arguments(self, job_id: str) -> dict[str, Any] | None:
        """Return a job's arguments, or None when the ledger does not hold them, or only a newer version reads them."""
        record = self.dictionaries.as_accepted(self.redis.get(keys.job(job_id)))
        return Head.read(record).arguments if record else None

    def outcome(self, job_id: str, *, wait_s: float = 0.0) -> Entry | None:
        """Return the entry with which a job became done, dead or refused, waiting up to `wait_s` seconds for it.

        A job that was put off ends the wait too, since it may wait for hours: its entry has the state
        "waiting". None: nothing happened within the time.
        """
        is_over = is_packed(self.redis.getrange(keys.job(job_id), 0, 0))
        if is_over and (record := self.record(job_id)):
            return record.history[-1]
        note = wait_for_outcome(partial(send, self.redis), job_id, wait_s)
        return None if note is None else _entry(note)

    def ids(self, state: State, *, most: int = PAGE, queue: str = "", skip: int = 0) -> list[str]:
        """Return ids of jobs after the first `skip`, newest first for ended ones, next due first for open ones.

        `most` and `skip` count for each queue of open ones.
        """
        last = skip + most - 1
        if key := ENDED.get(state):
            job_ids = self.redis.zrevrange(key, skip, last)
        else:
            job_ids = []
            take_over(self.redis)
            for name in (queue,) if queue else QUEUES:
                job_ids += self.redis.zrange(keys.due(name), skip, last)
        return [job_id.decode() for job_id in job_ids]

    def counts(self) -> dict[str, int]:
        """Return the counters, `<event>:<kind>:<producer>` -> how often since the ledger began."""
        counts = self.redis.hgetall(keys.COUNTS)
        return {name.decode(): int(count) for name, count in counts.items()}

    def open_jobs(self) -> dict[str, int]:
        """Return how many jobs are open in each queue."""
        pipe = self.redis.pipeline()
        counts = {queue: (pipe.zcard(keys.due(queue)), pipe.llen(keys.arrived(queue))) for queue in QUEUES}
        pipe.execute()
        return {queue: due.value + arrived.value for queue, (due, arrived) in counts.items()}

    def batch_states(self, batch_id: str) -> list[tuple[str, BatchState]] | None:
        """Return the jobs of one request and their states, or None when the batch is not (or no longer) known.

        What was refused of it follows, by the ids that it has in the quarantine.
        """
        text = self.redis.get(keys.batch(batch_id))
        if text is None:
            return None
        words = text.decode().split()
        ids = [word for word in words if not word.startswith(keys.REFUSED)]
        pipe = self.redis.pipeline()
        replies = [
            (job_id, pipe.hget(keys.progress(job_id), "state"), pipe.getrange(keys.job(job_id), 0, 0))
            for job_id in ids
        ]
        pipe.execute()
        states: list[tuple[str, BatchState]] = [
            (job_id, self._state(job_id, state.value, beginning.value))
            for job_id, state, beginning in replies
        ]
        return states + [(word.removeprefix(keys.REFUSED), "refused") for word in words[len(ids) :]]

    def _state(self, job_id: str, state: bytes | None, beginning: bytes) -> BatchState:
        if is_packed(beginning):
            return "done"
        if beginning:
            return cast("State", (state or b"accepted").decode())
        return "done" if self.marker(job_id) else "forgotten"

    def dead_count(self) -> int:
        """Return how many jobs are dead."""
        return self.redis.zcard(keys.DEAD)

    def dead_records(
        self, *, since_ms: float | None = None, until_ms: float | None = None
    ) -> Iterator[Record]:
        """Yield the dead letters of a time, the newest first, read by the page; what dies meanwhile is left out."""
        first = "-inf" if since_ms is None else since_ms
        before: float | str = "+inf" if until_ms is None else until_ms
        at_same_time = 0
        while True:
            page = self.redis.zrevrangebyscore(
                keys.DEAD, before, first, start=at_same_time, num=PAGE, withscores=True
            )
            yield from self.records([job_id.decode() for job_id, _ in page])
            if len(page) < PAGE:
                return
            last = page[-1][1]
            at_same_time = sum(died == last for _, died in page) + (at_same_time if last == before else 0)
            before = last

    def away(self, service: str) -> dict[str, str]:
        """Return the state of a service's breaker (until, since, failures, reason); empty while it is well."""
        fields = self.redis.hgetall(keys.away(service))
        return {name.decode(): text.decode() for name, text in fields.items()}

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

    def why_paused(self, queue: str) -> str:
        """Return since when `queue` is paused, why and by whom, "" where it is not."""
        return follow(self.redis, pause_flow(queue))

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
        sender=head.sender,
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


def _waiting_with_its_queue(record: Record, fields: dict[bytes, bytes] | None) -> Record:
    wait = read_queue_wait(record.queue, fields) if fields and record.state == "accepted" else None
    return structs.replace(record, queue_waits=wait.said) if wait and wait.concerns(record.kind) else record


def _paused_with_its_queue(record: Record, pause: Pause | None) -> Record:
    is_open = record.state in ("accepted", "waiting")
    return structs.replace(record, paused=pause.said) if pause and is_open else record


def _entry(note: HistoryNote) -> Entry:
    return Entry(at_ms=note.at_ms, state=cast("State", note.state), note=msgspec.json.decode(note.text))
