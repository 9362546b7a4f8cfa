"""Who may sync a collection, and whose turn it is to write to a LogRhythm."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import cast

from redis import Redis
from redis.exceptions import LockError, LockNotOwnedError

from workers.errors import ServiceAway
from workers.ledger import keys
from workers.ledger.desk import Desk
from workers.ledger.ledger import answering
from workers.listsync.digests import short

#: Seconds for which a collection stays with its job; a job that waits is looked at once a minute.
HOLD_S = 300

#: Seconds that a writer waits for its turn before the run is put off.
TURN_WAIT_S = 120.0

#: Seconds between two looks at whether it is our turn; a call takes longer than that.
LOOK_EVERY_S = 0.01


def hold(redis: Redis, collection: str, job_id: str) -> str:
    """Reserve a collection for a job, or extend that; return the id of the job that has it then.

    Another job loses it when it has ended.
    """
    name = keys.sync_lock(short(collection))
    with answering():
        if redis.set(name, job_id, nx=True, ex=HOLD_S):
            return job_id
        holder = cast("bytes | None", redis.get(name))
    other = holder.decode() if holder else ""
    if other != job_id and is_open(redis, other):
        return other
    with answering():
        redis.set(name, job_id, ex=HOLD_S)
    return job_id


def release(redis: Redis, collection: str, job_id: str) -> None:
    """Let others sync a collection again; without effect where another job has it."""
    name = keys.sync_lock(short(collection))
    with answering():
        if redis.get(name) == job_id.encode():
            redis.delete(name)


@contextmanager
def turn(redis: Redis, host: str, lease_s: float) -> Iterator[None]:
    """Be the only one who writes to a LogRhythm; two writers would deadlock in its database.

    A turn ends by itself after half of a job's lease: who takes a dead worker's job finds its turn ended.
    """
    lock = redis.lock(
        keys.sync_turn(short(host)), timeout=lease_s / 2, sleep=LOOK_EVERY_S, blocking_timeout=TURN_WAIT_S
    )
    with answering():
        try:
            lock.acquire()
            mine = lock.owned()
        except LockError:
            mine = False
    if not mine:
        raise ServiceAway("logrhythm", f"others have been writing to LogRhythm for {TURN_WAIT_S:.0f} s")
    try:
        yield
    finally:
        # A call that took longer than the turn has lost it; LogRhythm then sorts the writers out with a deadlock.
        with answering(), suppress(LockNotOwnedError):
            lock.release()


def is_open(redis: Redis, job_id: str) -> bool:
    """Tell whether a job is still to be done."""
    record = Desk(redis).record(job_id)
    return record is not None and record.state not in ("done", "dead")
