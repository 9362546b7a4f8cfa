"""The ledger at a glance, as one value that `tqctl status` and `top`, the status page, JSON and metrics share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from workers.core.jobs import QUEUES
from workers.ledger import keys
from workers.ledger.breaker_records import Away, Pause, QueueWait, read_pause
from workers.ledger.breakers import NEEDS, open_breakers
from workers.ledger.client import Pipeline, RedisClient, Reply
from workers.ledger.connection import now_ms
from workers.ledger.groups import GroupState, limited_groups
from workers.ledger.history import read_history
from workers.ledger.retention import REFUSED_KEPT_MS
from workers.ledger.signs import Worker, read_workers
from workers.ledger.standing import QueueFacts, Standing, standing_of

#: Milliseconds in a minute and an hour.
MINUTE_MS, HOUR_MS = 60_000, 3_600_000

#: Bytes within which the first line of a record, its time of acceptance, ends.
ACCEPTED_BYTES = 20

#: Jobs of a queue that are not ready, of which one is asked why: the first may be in a worker's hands.
ASKED_WHY = 3


class Queue(Struct, frozen=True):
    """One queue: open jobs, those that are ready now, seconds since its next job was accepted, and if it is paused.

    Of the others, `running` are in the hands of workers and `deferred` were put off. `wake_ups` wait in Celery's queue;
    `workers` live and consume it. `needs_newer` says what of its jobs the running workers do not know, "" for nothing.
    `standing` is the verdict.
    """

    name: str
    open: int
    ready: int
    oldest_s: float
    wake_ups: int
    paused: bool
    needs_newer: str = ""
    running: int = 0
    deferred: int = 0
    workers: int = 0
    standing: Standing = Standing("idle", "good")


class Overview(Struct, frozen=True):
    """All of it at `at_ms` of Redis' clock; `upkeep_s` is how long upkeep has been silent, None if it never ran.

    `lacking` says by service what is not set up of it, "" for nothing; a service that no worker told about is absent.
    `refused` counts those of the last day, `groups` the groups of firings that are kept; `limited` are the firings of
    sources above their limits. `alive` are the workers by their signs of life, those too that fell silent in the last
    minutes.
    """

    at_ms: int
    queues: list[Queue]
    away: list[Away]
    dead: int
    done: int
    done_last_minute: int
    done_last_hour: int
    upkeep_s: float | None
    lacking: dict[str, str] = {}
    quarantined: int = 0
    refused: int = 0
    waits: list[QueueWait] = []
    pauses: list[Pause] = []
    alive: list[Worker] = []
    groups: int = 0
    limited: list[GroupState] = []


class _QueueReplies:
    """What is asked of one queue in a pipeline."""

    def __init__(self, pipe: Pipeline, name: str, now: int) -> None:
        self.name, due = name, keys.due(name)
        self.open, self.ready = pipe.zcard(due), pipe.zcount(due, "-inf", now)
        # Open and ready too, and not in the index yet.
        self.arrived = pipe.llen(keys.arrived(name))
        self.first = pipe.zrangebyscore(due, "-inf", "+inf", start=0, num=1, withscores=True)
        self.later = pipe.zrangebyscore(due, f"({now}", "+inf", start=0, num=ASKED_WHY, withscores=True)
        self.wake_ups, self.paused = pipe.llen(keys.wake_ups(name)), pipe.sismember(keys.PAUSED, name)
        self.newer, self.pause = pipe.get(keys.needs_newer(name)), pipe.hgetall(keys.pause(name))

    def pause_of(self) -> Pause | None:
        return read_pause(self.name, self.pause.value) if self.paused.value else None


class _JobReplies:
    """What is asked of a queue's first jobs: when the next was accepted, and why one was put off."""

    def __init__(self, pipe: Pipeline, queue: _QueueReplies) -> None:
        first = queue.first.value[0][0].decode() if queue.first.value else ""
        self.head = pipe.getrange(keys.job(first), 0, ACCEPTED_BYTES)
        self.later = [
            pipe.hmget(keys.progress(job_id.decode()), "state", "history") for job_id, _ in queue.later.value
        ]

    def oldest_s(self, now: int) -> float:
        accepted = self.head.value.partition(b"\n")[0]
        return max(0.0, (now - int(accepted)) / 1000) if accepted.isdigit() else 0.0

    def deferred_why(self) -> str:
        return next(filter(None, map(_why, self.later)), "")


def _why(reply: Reply[list[bytes | None]]) -> str:
    """Return the last reason that a job noted which waits, "" for any other job."""
    state, history = reply.value
    notes = read_history(history) if state == b"waiting" else []
    return str(msgspec.json.decode(notes[-1].text).get("reason", "")) if notes else ""


def overview(redis: RedisClient) -> Overview:
    """Read the ledger in seven round trips, however much it holds; raises ServiceAway("redis")."""
    now = now_ms(redis)
    pipe = redis.pipeline()
    queues = [_QueueReplies(pipe, name, now) for name in QUEUES]
    last_minute = pipe.zcount(keys.DONE, now - MINUTE_MS, "+inf")
    last_hour = pipe.zcount(keys.DONE, now - HOUR_MS, "+inf")
    done, dead = pipe.zcard(keys.DONE), pipe.zcard(keys.DEAD)
    quarantined = pipe.zcard(keys.QUARANTINE)
    refused = pipe.zcount(keys.REFUSED_JOBS, now - REFUSED_KEPT_MS, "+inf")
    upkeep, lacking = pipe.get(keys.UPKEEP), pipe.hgetall(keys.LACKING)
    groups = pipe.zcount(keys.GROUPS, now, "+inf")
    signs = pipe.zrevrange(keys.WORKERS, 0, -1, withscores=True)
    pipe.execute()
    jobs = [_JobReplies(pipe, queue) for queue in queues]
    pipe.execute()
    alive = read_workers(redis, signs.value, now)
    away, waits = open_breakers(redis)
    not_set_up = {name.decode(): why.decode() for name, why in lacking.value.items()}
    judge = _Judge(now, alive, away, waits, not_set_up)
    return Overview(
        at_ms=now,
        queues=[judge.queue(*replies) for replies in zip(queues, jobs, strict=True)],
        away=away,
        dead=dead.value,
        done=done.value,
        done_last_minute=last_minute.value,
        done_last_hour=last_hour.value,
        upkeep_s=None if upkeep.value is None else max(0.0, (now - int(upkeep.value)) / 1000),
        lacking=not_set_up,
        quarantined=quarantined.value,
        refused=refused.value,
        waits=waits,
        pauses=[pause for queue in queues if (pause := queue.pause_of())],
        alive=alive,
        groups=groups.value,
        limited=limited_groups(redis, now),
    )


class _Judge(Struct, frozen=True):
    """What bears on every queue, put together with what was read of one."""

    now: int
    alive: Sequence[Worker]
    away: Sequence[Away]
    waits: Sequence[QueueWait]
    lacking: Mapping[str, str]

    def queue(self, queue: _QueueReplies, jobs: _JobReplies) -> Queue:
        facts = self._facts(queue, jobs)
        return Queue(
            queue.name,
            facts.open,
            facts.ready,
            jobs.oldest_s(self.now),
            queue.wake_ups.value,
            bool(queue.paused.value),
            facts.needs_newer,
            facts.running,
            facts.deferred,
            facts.workers,
            standing_of(queue.name, facts),
        )

    def _facts(self, queue: _QueueReplies, jobs: _JobReplies) -> QueueFacts:
        name, needs = queue.name, NEEDS[queue.name]
        living = [worker.sign for worker in self.alive if not worker.is_silent]
        return QueueFacts(
            open=queue.open.value + queue.arrived.value,
            ready=queue.ready.value + queue.arrived.value,
            running=sum(sign.in_hand.get(name, 0) for sign in living),
            ready_s=max(0.0, (self.now - queue.first.value[0][1]) / 1000) if queue.first.value else 0.0,
            workers=sum(name in sign.queues for sign in living),
            is_configured=not any(self.lacking.get(service) for service in needs),
            needs_newer=(queue.newer.value or b"").decode(),
            deferred_why=jobs.deferred_why(),
            pause=queue.pause_of(),
            wait=next((wait for wait in self.waits if wait.queue == name), None),
            away=tuple(breaker for breaker in self.away if breaker.service in needs),
        )
