"""Signs of life: which workers there are, what each has in hand, and when it was last heard of, by Redis' clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from workers.ledger import keys
from workers.ledger.client import RedisClient, Reply
from workers.ledger.connection import run
from workers.ledger.scripts import Script

SIGN = Script("sign", when_full=True)

#: Seconds for which a worker that gave no further sign is shown, and after which it is said to be silent.
SHOWN_S, SILENT_S = 600.0, 15.0

#: Workers that are remembered, and jobs that each names, the oldest of those that it has in hand.
MOST_WORKERS, MOST_JOBS = 500, 10


class JobInHand(Struct, frozen=True):
    """A job that a worker has in hand, for so many seconds by the worker's own steady clock."""

    id: str
    kind: str
    queue: str
    age_s: float


class Sign(Struct, frozen=True):
    """What a worker tells of itself; `instance` tells two of one name apart, `in_hand` counts jobs by queue."""

    name: str
    instance: str
    queues: list[str] = []
    threads: int = 0
    version: str = ""
    pid: int = 0
    up_s: float = 0.0
    in_hand: dict[str, int] = {}
    jobs: list[JobInHand] = []


class Worker(Struct, frozen=True):
    """A worker's last sign of life, and how many seconds ago it was given."""

    sign: Sign
    silent_s: float

    @property
    def is_silent(self) -> bool:
        """Tell whether it has missed several signs: it was killed, hangs, or does not reach Redis."""
        return self.silent_s > SILENT_S


def give_sign(redis: RedisClient, sign: Sign) -> None:
    """Note that a worker lives; raises ServiceAway("redis")."""
    _note(redis, sign, msgspec.json.encode(sign))


def give_end(redis: RedisClient, sign: Sign) -> None:
    """Note that a worker has ended; raises ServiceAway("redis")."""
    _note(redis, sign, b"")


def _note(redis: RedisClient, sign: Sign, text: bytes) -> None:
    member = keys.member_of_workers(sign.name, sign.instance)
    run(redis, SIGN, [keys.WORKERS], [keys.PREFIX, member, text, int(SHOWN_S * 1000), MOST_WORKERS])


def read_workers(redis: RedisClient, members: Sequence[tuple[bytes, float]], now_ms: int) -> list[Worker]:
    """Return the workers with these members and times, by name; what a newer version wrote otherwise is left out."""
    pipe = redis.pipeline()
    replies = [(pipe.get(keys.worker(member.decode())), at_ms) for member, at_ms in members]
    if replies:
        pipe.execute()
    workers = [_read(reply, (now_ms - at_ms) / 1000) for reply, at_ms in replies]
    return sorted((worker for worker in workers if worker), key=_by_name)


def _read(reply: Reply[bytes | None], ago_s: float) -> Worker | None:
    if reply.value is None:
        return None
    # A sign of the future was given before Redis' clock was set back.
    silent_s = SHOWN_S if ago_s < -1 else max(0.0, ago_s)
    try:
        return Worker(msgspec.json.decode(reply.value, type=Sign), silent_s)
    except (msgspec.DecodeError, UnicodeError):
        return None


def _by_name(worker: Worker) -> tuple[str, str]:
    return worker.sign.name, worker.sign.instance


def shared_names(workers: Sequence[Worker]) -> list[str]:
    """Return the names that several living workers have: Celery's remote control then reaches all of them at once."""
    counts = Counter(worker.sign.name for worker in workers if not worker.is_silent)
    return sorted(name for name, count in counts.items() if count > 1)
