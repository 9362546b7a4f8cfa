"""Which job may sync a collection, and whose turn it is to write to a LogRhythm."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

from redis.exceptions import LockError, LockNotOwnedError

from workers.core.errors import ServiceAway
from workers.core.text import short
from workers.ledger import sync_keys
from workers.ledger.client import RedisClient
from workers.ledger.connection import run
from workers.ledger.reader import LedgerReader
from workers.ledger.scripts import Script

if TYPE_CHECKING:
    from redis.lock import Lock

LOCK, UNLOCK = Script("lock"), Script("unlock")

#: Seconds for which a collection stays with its job; a job that waits is looked at once a minute.
HOLD_S = 300

#: How the id of a holder begins that is no job: it has the collection until it releases it, or is silent for too long.
BY_HAND = "by-hand-"

#: Seconds that a writer waits for its turn before the run is put off.
TURN_WAIT_S = 120.0

#: Seconds for which a turn lasts when its holder is killed; it is extended while a call takes longer.
TURN_S = 4.0

#: Seconds between two looks at whether it is our turn; a call takes longer than that.
LOOK_EVERY_S = 0.01


def hold(redis: RedisClient, collection: str, job_id: str) -> str:
    """Reserve a collection for a job, or extend that; return the id of the job that has it then.

    Another job loses it when it has ended.
    """
    names = [sync_keys.lock(short(collection))]
    holder = run(redis, LOCK, names, [job_id, HOLD_S, ""]).decode()
    if holder == job_id or holder.startswith(BY_HAND) or is_open(redis, holder):
        return str(holder)
    # Of several jobs that find its holder ended, one takes it over.
    return str(run(redis, LOCK, names, [job_id, HOLD_S, holder]).decode())


def hold_all(redis: RedisClient, collections: Collection[str], job_id: str) -> str:
    """Reserve several collections for a job, or none of them; return the id of the job that has one of them then."""
    for number, name in enumerate(collections):
        holder = hold(redis, name, job_id)
        if holder != job_id:
            for reserved in list(collections)[:number]:
                release(redis, reserved, job_id)
            return holder
    return job_id


def release_all(redis: RedisClient, collections: Collection[str], job_id: str) -> None:
    """Let others sync these collections again; without effect on those that another job has."""
    for name in collections:
        release(redis, name, job_id)


def release(redis: RedisClient, collection: str, job_id: str) -> None:
    """Let others sync a collection again; without effect where another job has it."""
    run(redis, UNLOCK, [sync_keys.lock(short(collection))], [job_id])


@contextmanager
def turn(redis: RedisClient, host: str, lease_s: float) -> Iterator[None]:
    """Be the only one who writes to a LogRhythm; two writers would deadlock in its database.

    A turn ends by itself: soon when its holder is killed, and after half of a job's lease at the latest, so that who
    takes a dead worker's job finds its turn ended.
    """
    most_s = lease_s / 2
    lock = redis.lock(
        sync_keys.turn(short(host)),
        timeout=min(TURN_S, most_s),
        sleep=LOOK_EVERY_S,
        blocking_timeout=TURN_WAIT_S,
        thread_local=False,
    )
    try:
        lock.acquire()
        mine = lock.owned()
    except LockError:
        mine = False
    if not mine:
        raise ServiceAway("logrhythm", f"others have been writing to LogRhythm for {TURN_WAIT_S:.0f} s")
    ended = Event()
    Thread(target=_extend, args=(lock, ended, most_s), name="turn", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        # A call that took longer than the turn has lost it; LogRhythm then sorts the writers out with a deadlock.
        with suppress(LockNotOwnedError):
            lock.release()


def _extend(lock: Lock, ended: Event, most_s: float) -> None:
    """Extend a turn until it has ended, for `most_s` seconds in all."""
    until = time.monotonic() + most_s - TURN_S
    with suppress(LockError, ServiceAway):
        while not ended.wait(TURN_S / 2) and time.monotonic() < until:
            lock.extend(TURN_S, replace_ttl=True)


def is_open(redis: RedisClient, job_id: str) -> bool:
    """Tell whether a job is still to be done."""
    record = LedgerReader(redis).record(job_id)
    return record is not None and record.state not in ("done", "dead")
