"""Packing of done jobs by upkeep, some minutes after they were done: a third of the memory for the guide's payload."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

from msgspec import Struct

from workers.core.errors import MalformedRecord
from workers.core.text import short
from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.ledger.connection import run
from workers.ledger.dictionaries import Dictionaries
from workers.ledger.history import lines, read_history
from workers.ledger.packed import MOST_BYTES, content, dictionary, is_packed, pack
from workers.ledger.records import RECORD_VERSION, Head
from workers.ledger.scripts import Script
from workers.ledger.sealing import is_sealed
from workers.ledger.small_writes import write

PACK = Script("pack", when_full=True)

#: Milliseconds after which a done job is packed: by then no producer waits for it any more.
AFTER_MS = 120_000

#: Seconds that upkeep spends on it in each second at most.
STEP_S = 0.1

#: Jobs that are packed by one call.
JOBS_A_CALL = 100

#: Jobs of which a dictionary is made; it is made anew after a day, or when there are so many times as many.
SAMPLES, DAY_MS, GROWTH = 8, 86_400_000, 4

#: A job and when it was done, as Redis gives them.
Row = tuple[bytes, float]


class DoneJob(Struct, frozen=True):
    """What is kept of a done job that is not packed: its record, or more than MOST_BYTES of it, and what was noted."""

    record: bytes
    history: bytes
    attempts: int

    @property
    def can_be_packed(self) -> bool:
        """Whether it is there, small enough, of a version that we read, not packed already and not encrypted."""
        is_whole = 0 < len(self.record) <= MOST_BYTES and not is_packed(self.record)
        if not is_whole:
            return False
        head = Head.read(self.record)
        return head.version <= RECORD_VERSION and not is_sealed(head.body)


class Packer:
    """Packs what was done; raises ServiceAway("redis")."""

    def __init__(self, redis: RedisClient) -> None:
        self.redis = redis
        self.dictionaries = Dictionaries(redis)

    def step(self, now_ms: int, within_s: float = STEP_S) -> None:
        """Pack what was done since the last step, for about so many seconds at most."""
        ends = time.monotonic() + within_s
        self.forget_unneeded()
        since_ms = int(self.redis.get(keys.PACKED_UNTIL) or 0)
        offset, is_last = 0, False
        while not is_last and time.monotonic() < ends:
            rows = self.redis.zrangebyscore(
                keys.DONE,
                f"({since_ms}",
                now_ms - AFTER_MS,
                start=offset,
                num=JOBS_A_CALL,
                withscores=True,
            )
            is_last, offset = len(rows) < JOBS_A_CALL, offset + len(rows)
            if rows:
                # Of those that were done in the same millisecond as the last one, some may be left.
                self._pack(rows, int(rows[-1][1]) - (not is_last), now_ms)

    def _pack(self, rows: Sequence[Row], until_ms: int, now_ms: int) -> None:
        name, words = self.in_use(now_ms)
        arguments: list[str | bytes | int] = [keys.PREFIX, until_ms]
        jobs = read_done(self.redis, [job_id.decode() for job_id, _ in rows])
        for (job_id, ended_ms), job in zip(rows, jobs, strict=True):
            if job.can_be_packed:
                with suppress(MalformedRecord):
                    packed = pack(job.record, job.history, job.attempts, name=name, words=words)
                    arguments += (job_id, int(ended_ms), packed)
        run(self.redis, PACK, [keys.DONE, keys.PACKED_UNTIL], arguments)

    def in_use(self, now_ms: int) -> tuple[str, bytes]:
        """Return the name and the words of the newest dictionary; a new one where that is out of date."""
        done = self.redis.zcard(keys.DONE)
        newest = max(self.dictionaries.uses(), default=None)
        if newest and now_ms - newest.since_ms < DAY_MS and done < GROWTH * newest.done:
            words = self.dictionaries.words(newest.name)
            if words is not None:
                return newest.name, words
        return self._make(now_ms, done)

    def forget_unneeded(self) -> None:
        """Forget the dictionaries whose jobs have all been forgotten, the newest one when none is left at all."""
        uses = sorted(self.dictionaries.uses())
        first = self.redis.zrangebyscore(keys.DONE, "-inf", "+inf", start=0, num=1, withscores=True)
        oldest_ms = first[0][1] if first else float("inf")
        # What was packed against one was done before the next one came.
        unneeded = [use.name for use, following in pairwise(uses) if following.since_ms < oldest_ms]
        if uses and not first:
            unneeded.append(uses[-1].name)
        if unneeded:
            names = map(keys.dictionary, unneeded)
            write(self.redis, ("HDEL", keys.DICTIONARIES, *unneeded), ("DEL", *names))

    def _make(self, now_ms: int, done: int) -> tuple[str, bytes]:
        words = dictionary(self._samples(done))
        name = short(words.hex())[:8]
        use = ("HSET", keys.DICTIONARIES, name, f"{now_ms} {done}")
        write(self.redis, ("SET", keys.dictionary(name), words), use)
        return name, words

    def _samples(self, done: int) -> list[bytes]:
        """Return the contents of jobs from the whole time for which they are kept, the newest last."""
        ranks = sorted({done * (place + 1) // SAMPLES - 1 for place in range(SAMPLES)} - {-1})
        pipe = self.redis.pipeline()
        replies = [pipe.zrange(keys.DONE, rank, rank) for rank in ranks]
        pipe.execute()
        ids = [reply.value[0].decode() for reply in replies if reply.value]
        contents = map(self._content, read_done(self.redis, ids))
        return [text for text in contents if text]

    def _content(self, job: DoneJob) -> bytes:
        unpacked = self.dictionaries.unpack(job.record) if is_packed(job.record) else None
        if unpacked:
            return content(unpacked[0], unpacked[1][b"history"])
        with suppress(MalformedRecord):
            return content(job.record, job.history) if job.can_be_packed else b""
        return b""


def read_done(redis: RedisClient, ids: Sequence[str]) -> list[DoneJob]:
    """Read done jobs, packed or not; raises ServiceAway("redis")."""
    pipe = redis.pipeline()
    replies = [
        (
            pipe.hmget(keys.progress(job_id), "history", "attempts"),
            pipe.xrange(keys.history(job_id)),
            pipe.getrange(keys.job(job_id), 0, MOST_BYTES),
        )
        for job_id in ids
    ]
    pipe.execute()
    return [
        DoneJob(
            record.value, lines(read_history(progress.value[0], stream.value)), int(progress.value[1] or 0)
        )
        for progress, stream, record in replies
    ]
