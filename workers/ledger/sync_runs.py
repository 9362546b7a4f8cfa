"""Runs of the list sync in Redis: how far they are, what became of them, and what they wait for."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from workers.core.sync_report import AbandonedList, RunResult, as_json, read
from workers.ledger import sync_keys
from workers.ledger.client import RedisClient
from workers.ledger.reader import LedgerReader
from workers.ledger.records import Record
from workers.ledger.sync_owners import owner_of

#: Runs that are remembered, and seconds for which a run's progress is.
KEEP_RUNS, KEEP_S = 1_000, 7 * 86_400

#: Open jobs of the queue sync that are looked at: there is one for each collection, and a few by hand.
LOOKED_AT = 200

#: Seconds between two notes of one list's progress.
EVERY_S = 0.2


class Step(Struct, frozen=True):
    """How far a run is with one list, or, under the name "", with the collection.

    `stage`: gather (rows of ThreatQ), read (the list), write (entries put in and taken out), done, failed, cancelled.
    """

    stage: str
    done: int
    total: int | None


class Progress:
    """Notes of one run, a few a second at most."""

    def __init__(self, redis: RedisClient, job_id: str) -> None:
        self._redis, self._key = redis, sync_keys.progress(job_id)
        self._noted: dict[str, tuple[Step, float]] = {}

    def tell(self, name: str, stage: str, done: int, total: int | None) -> None:
        """Note how far the run is; a new stage and a reached total are always noted, but nothing twice."""
        step = Step(stage, done, total)
        before, noted_s = self._noted.get(name, (Step("", 0, None), 0.0))
        is_soon = stage == before.stage and done != total and time.monotonic() - noted_s < EVERY_S
        if is_soon or step == before:
            return
        self._noted[name] = (step, time.monotonic())
        pipe = self._redis.pipeline()
        pipe.hset(self._key, name, msgspec.json.encode(step))
        pipe.expire(self._key, KEEP_S)
        pipe.execute()


def progress_of(redis: RedisClient, job_id: str) -> dict[str, Step]:
    """Return how far a run is, by list name, the collection first; empty before it began."""
    steps = redis.hgetall(sync_keys.progress(job_id))
    return {name.decode(): msgspec.json.decode(text, type=Step) for name, text in sorted(steps.items())}


def keep_result(redis: RedisClient, result: RunResult) -> None:
    """Add a run to the history."""
    redis.xadd(sync_keys.HISTORY, {"run": msgspec.json.encode(as_json(result))}, maxlen=KEEP_RUNS)


def history(redis: RedisClient, *, most: int = 50) -> list[RunResult]:
    """Return the last runs, newest first."""
    entries = redis.xrevrange(sync_keys.HISTORY, count=most)
    return [read(fields[b"run"]) for _, fields in entries]


def abandoned_lists(redis: RedisClient) -> list[AbandonedList]:
    """Return the lists of ours that no data collection feeds any more, as the last run found them."""
    text = redis.get(sync_keys.ABANDONED)
    return msgspec.json.decode(text, type=list[AbandonedList]) if text else []


def keep_abandoned(redis: RedisClient, abandoned: Collection[AbandonedList]) -> None:
    """Remember which lists are abandoned; none forgets those of before."""
    redis.set(sync_keys.ABANDONED, msgspec.json.encode(abandoned))


def pending_count(redis: RedisClient) -> int:
    """Return how many pending deletes wait to be approved."""
    stored = redis.hvals(sync_keys.PENDING)
    deletes = [msgspec.json.decode(text, type=_Approvable) for text in stored]
    return sum(not (pending.approved_ms or pending.doubt) for pending in deletes)


class _Approvable(Struct, frozen=True):
    """As much of a pending delete as is counted."""

    approved_ms: int = 0
    doubt: str = ""


class OpenRun(Struct, frozen=True):
    """A run that has not ended; `host` is where its files are, "" before it began.

    `collection` is "" for a job that shall sync all of them.
    """

    job: str
    collection: str
    state: str
    dry_run: bool
    accepted_ms: int
    sender: str
    host: str


def open_runs(redis: RedisClient) -> list[OpenRun]:
    """Return the runs that have not ended, the oldest first; raises ServiceAway("redis")."""
    admin = LedgerReader(redis)
    return sorted(
        (
            OpenRun(
                job=record.id,
                collection=str(arguments.get("collection", "")),
                state=record.state,
                dry_run=bool(arguments.get("dry_run")),
                accepted_ms=record.accepted_ms,
                sender=record.sender,
                host=owner.host if (owner := owner_of(redis, record.id)) else "",
            )
            for record in _open_records(admin)
            if (arguments := admin.arguments(record.id)) is not None
        ),
        key=lambda run: run.accepted_ms,
    )


def _open_records(admin: LedgerReader) -> Iterator[Record]:
    records = admin.records(admin.ids("accepted", most=LOOKED_AT, queue="sync"))
    return (record for record in records if record.kind == "lists.sync")


class WaitingRun(Struct, frozen=True):
    """A run that has not come further since `since_ms`; `reason` is what its last try met.

    `collection` is "" for a job that shall sync all of them.
    """

    job: str
    collection: str
    since_ms: int
    reason: str

    @property
    def said(self) -> str:
        """The same as a sentence."""
        since = datetime.fromtimestamp(self.since_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
        name = self.collection or "all collections"
        return f"the sync of {name} waits since {since} UTC (job {self.job}): {self.reason}"


def waiting_runs(redis: RedisClient) -> list[WaitingRun]:
    """Return the runs that wait, the longest first; raises ServiceAway("redis")."""
    return sorted(_waiting(LedgerReader(redis)), key=lambda run: run.since_ms)


def _waiting(admin: LedgerReader) -> Iterator[WaitingRun]:
    for record in _open_records(admin):
        # One that is being tried again waits until it comes further.
        arguments = admin.arguments(record.id) if record.since_ms else None
        if record.since_ms and arguments is not None and not arguments.get("dry_run"):
            yield WaitingRun(
                job=record.id,
                collection=str(arguments.get("collection", "")),
                since_ms=record.since_ms,
                reason=record.reason,
            )
