"""What the machine of the ledger's scripts plays with: jobs of two kinds, claims in hand, and what a crash leaves."""

from __future__ import annotations

from typing import NamedTuple, get_args

from tests.support.ledger_reference import KEY_WINDOW, QUEUE, SERVICE, Memory, Way
from workers.core.jobs import Job
from workers.ledger.records import Claim

#: Seconds of a tick: longer than every wait of the breaker's own, and than a step of a test on a busy machine.
TICK_S = 100

#: Open jobs that the queue may hold; payloads, and the names that their senders may give them.
MOST_OPEN, NUMBERS, KEYS = 3, (0, 1, 2), ("", "k1", "k2")

#: The kind of the payloads, and that of the last one.
KIND, OTHER_KIND = "events.create", "sightings.add"

#: How a worker may settle what it has in hand; that a queue waits is a step of its own.
WAYS: tuple[Way, ...] = tuple(way for way in get_args(Way) if way != "blocked")

#: What may answer while jobs are worked on.
ANSWERS: tuple[tuple[str, ...], ...] = ((), (SERVICE,), (QUEUE,), (SERVICE, QUEUE))


def event(number: int, key: str = "") -> Job:
    """Return a job; the last number's is of another kind."""
    kind = OTHER_KIND if number == NUMBERS[-1] else KIND
    job = Job(kind, {"payload": {"n": number}}, producer="cli", key=key)
    job.key_window_s = KEY_WINDOW * TICK_S
    return job


#: The job of each payload, and the kind of each job.
IDS = {number: event(number).id for number in NUMBERS}
KINDS = {event(number).id: event(number).kind.name for number in NUMBERS}


class Disk(NamedTuple):
    """What a crash would leave: the model's memory, the keys of Redis with their times to live, and at which tick."""

    memory: Memory
    keys: list[tuple[bytes, int, bytes]]
    tick: int


class Work:
    """Claims of one token in a worker's hands, whether they are of this life of Redis, and whether work has begun."""

    def __init__(self, claims: list[Claim]) -> None:
        self.claims, self.is_of_this_life, self.begun = claims, True, False

    @property
    def ids(self) -> list[str]:
        return [claim.id for claim in self.claims]

    @property
    def token(self) -> str:
        return self.claims[0].token
