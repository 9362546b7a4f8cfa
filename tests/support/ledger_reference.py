"""What the ledger's scripts promise, as plain Python: one queue with jobs of two kinds, with time in ticks.

The scripts run beside it step by step (tests/integration/ledger/test_reference.py); wherever they differ, one of the
two is wrong. How jobs of equal age are ordered is left to Redis: the order of a claim is given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Self

from workers.ledger.ledger import MOST_LOST

#: Ticks of a lease, of the wait before a last chance, of a sender's key, and for which first attempts look for their
#: event after a restart.
LEASE, REST, KEY_WINDOW, WARY = 2, 1, 3, 1

#: The wait of a queue before one of its jobs tries again whether the others can be done: less than a tick.
QUEUE_WAIT = 0.5

#: Wake-ups that accept adds at most, and jobs for which one is enough.
MOST_WAKE_UPS, JOBS_A_WAKE_UP = 32, 100

#: The breakers: that of the service, and that of the queue itself.
SERVICE, QUEUE = "threatq", "events"

#: How a worker can settle a job.
Way = Literal[
    "done", "dead", "refused", "waiting", "suspected", "deferred", "interrupted", "accepted", "blocked"
]

#: The ways that end a job.
ENDS: tuple[Literal["done", "dead", "refused"], ...] = ("done", "dead", "refused")

#: The state that each way of settling comes to, where it has another name.
STATE_OF = {
    "suspected": "waiting",
    "deferred": "waiting",
    "interrupted": "waiting",
    "blocked": "accepted",
}


@dataclass
class JobFacts:
    """What is known of a job; `due` is None once it is done, dead or refused."""

    accepted_at: int
    due: int | None
    kind: str = ""
    state: str = "accepted"
    attempts: int = 0
    lost: int = 0
    tries: int = 0
    strikes: int = 0
    struck: int | None = None
    token: str = ""


@dataclass
class Breaker:
    """What is away, or cannot be done, until a tick; `token` is the claim that probes it.

    `kind`: of a queue, the kind of its jobs that waits, "" for all.
    """

    until: float
    token: str = ""
    kind: str = ""


class Answer(NamedTuple):
    """What a sender is told."""

    id: str
    created: bool
    conflict: bool = False


class Handed(NamedTuple):
    """A job that a worker was given, and which attempt it is; from the second on it looks for its event."""

    id: str
    attempts: int
    lost: int
    solo_failures: int


@dataclass
class Memory:
    """All that Redis holds, which a crash may take back to an earlier state.

    `life`: the run of Redis that handed out work last; `since`: the tick at which that was seen to have changed.
    """

    jobs: dict[str, JobFacts] = field(default_factory=dict)
    markers: set[str] = field(default_factory=set)
    #: How often dropped jobs had been tried.
    tried: dict[str, int] = field(default_factory=dict)
    keys: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    paused: bool = False
    breakers: dict[str, Breaker] = field(default_factory=dict)
    wake_ups: int = 0
    ever_done: int = 0
    life: Literal["this", "earlier"] = "this"
    since: int | None = None


class ReferenceLedger:
    """The ledger; every method does in one step what the script of its name does."""

    def __init__(self, most_open: int, kinds: Mapping[str, str]) -> None:
        """`kinds` tells the kind of each job by its id."""
        self.most_open, self.kinds, self.now, self.memory = most_open, kinds, 0, Memory()

    def snapshot(self) -> Memory:
        """Return what a disk would have of it now."""
        return deepcopy(self.memory)

    def restart(self, memory: Memory) -> Self:
        """Go on as another run of Redis with what was on disk."""
        self.memory = deepcopy(memory)
        self.memory.life = "earlier"
        return self

    @property
    def open(self) -> list[str]:
        """The jobs that have not come to an end."""
        return [job_id for job_id, job in self.memory.jobs.items() if job.due is not None]

    @property
    def ready(self) -> list[str]:
        """The jobs that may be claimed."""
        return [
            job_id for job_id, job in self.memory.jobs.items() if job.due is not None and job.due <= self.now
        ]

    def accept(self, jobs: Sequence[tuple[str, str]]) -> list[Answer] | None:
        """Accept jobs (id, key); None where the queue is too full for them."""
        memory, fresh = self.memory, dict[str, None]()
        if len(self.open) + len(jobs) > self.most_open:
            return None
        answers = []
        for job_id, key in jobs:
            first = self._first_of(key, fresh)
            if first:
                answers.append(Answer(first[0], created=False, conflict=first[1] != job_id))
                continue
            is_known = job_id in fresh or job_id in memory.markers or job_id in memory.jobs
            answers.append(Answer(job_id, created=not is_known))
            if not is_known:
                fresh[job_id] = None
            if key:
                memory.keys[key] = (job_id, job_id, self.now + KEY_WINDOW)
        for job_id in fresh:
            attempts = memory.tried.pop(job_id, 0)
            memory.jobs[job_id] = JobFacts(self.now, self.now, self.kinds[job_id], attempts=attempts)
            memory.counts["accepted"] += 1
        memory.wake_ups += bool(fresh) and memory.wake_ups < MOST_WAKE_UPS
        return answers

    def _first_of(self, key: str, fresh: dict[str, None]) -> tuple[str, str] | None:
        job_id, digest, ends = self.memory.keys.get(key, ("", "", 0))
        exists = job_id in self.memory.jobs or job_id in self.memory.markers or job_id in fresh
        return (job_id, digest) if ends > self.now and exists else None

    def claim(self, order: Sequence[str], most: int, token: str) -> list[Handed]:
        """Hand out up to `most` ready jobs, those in `order` first."""
        memory, handed = self.memory, list[Handed]()
        whole = [breaker for breaker in memory.breakers.values() if not breaker.kind]
        if memory.paused or any(self._is_open(breaker) for breaker in whole):
            return []
        for job_id in self._free_to_go(order)[: 1 if whole else most]:
            is_alone = self._try_to_hand_out(job_id, token, handed)
            if is_alone:
                break
        for breaker in memory.breakers.values():
            if any(breaker.kind in ("", memory.jobs[job.id].kind) for job in handed):
                breaker.until, breaker.token = self.now + LEASE, token
        return handed

    def _is_open(self, breaker: Breaker) -> bool:
        return breaker.until > self.now

    def _free_to_go(self, order: Sequence[str]) -> list[str]:
        """Leave out the jobs of a kind that waits, but for one where it is time to try again."""
        breaker = self.memory.breakers.get(QUEUE)
        if breaker is None or not breaker.kind:
            return list(order)
        waiting = [job_id for job_id in order if self.memory.jobs[job_id].kind == breaker.kind]
        left_out = waiting[0 if self._is_open(breaker) else 1 :]
        return [job_id for job_id in order if job_id not in left_out]

    def _try_to_hand_out(self, job_id: str, token: str, handed: list[Handed]) -> bool:
        """Hand a job out, bury it or put it off; return whether nothing may be handed out beside it."""
        job = self.memory.jobs[job_id]
        was_running = job.state == "running"
        job_lost = job.lost + was_running
        is_alone = job_lost > 0 or job.tries > 1
        if job_lost >= MOST_LOST:
            job.state, job.lost, job.token, job.due = "dead", job_lost, "", None
            self.memory.counts["dead"] += 1
        elif was_running and job_lost + 1 >= MOST_LOST:
            job.state, job.lost, job.token, job.due = "waiting", job_lost, "", self.now + REST
        elif job_lost + 1 >= MOST_LOST and self._has_a_last_chance(job_id):
            job.due = self.now + 1
        elif is_alone and handed:
            job.state, job.lost = "waiting", job_lost
        else:
            job.state, job.lost, job.token, job.due = "running", job_lost, token, self.now + LEASE
            job.attempts += 1
            handed.append(Handed(job_id, self._attempts_of(job), job.lost, job.strikes))
            return is_alone
        return False

    def _has_a_last_chance(self, but: str) -> bool:
        """Whether a job other than `but` runs that may lose its last worker."""
        return any(
            job_id != but
            and job.state == "running"
            and job.due is not None
            and job.due > self.now
            and job.lost + 1 >= MOST_LOST
            for job_id, job in self.memory.jobs.items()
        )

    def _attempts_of(self, job: JobFacts) -> int:
        memory = self.memory
        if job.attempts > 1:
            return job.attempts
        if memory.life == "earlier":
            memory.life, memory.since = "this", self.now
        is_covered = memory.since is not None and job.accepted_at < memory.since + WARY
        return 2 if is_covered else 1

    def still_its(self, job_ids: Sequence[str], token: str) -> list[str]:
        """Return those jobs whose lease is that of a token."""
        jobs = self.memory.jobs
        return [job_id for job_id in job_ids if job_id in jobs and jobs[job_id].token == token]

    def renew(self, job_ids: Sequence[str], token: str, *, proves: bool, is_of_this_life: bool) -> set[str]:
        """Extend leases; return the jobs that were lost. A proof counts in the life of Redis alone that handed out."""
        if proves and not is_of_this_life:
            return set(job_ids)
        its = self.still_its(job_ids, token)
        for job_id in its:
            self.memory.jobs[job_id].due = self.now + LEASE
        return set(job_ids) - set(its)

    def settle(
        self, ways: Mapping[str, Way], token: str, delay: int, *, answered: Collection[str]
    ) -> set[str]:
        """Settle each job in its way; return those that were another worker's. `answered`: services, or the queue."""
        its = self.still_its(list(ways), token)
        for job_id in its:
            self._settle(self.memory.jobs[job_id], ways[job_id], delay)
        for name, breaker in list(self.memory.breakers.items()):
            if breaker.token == token and name in answered:
                del self.memory.breakers[name]
            elif breaker.token == token:
                breaker.until, breaker.token = self.now, ""
        return ways.keys() - set(its)

    def _settle(self, job: JobFacts, way: Way, delay: int) -> None:
        job.state, job.token = STATE_OF.get(way, way), ""
        if way in ENDS:
            job.due = None
        else:
            job.due, job.lost = job.accepted_at if way == "blocked" else self.now + delay, 0
        if way == "suspected" and job.struck != self.memory.ever_done:
            job.strikes, job.struck = job.strikes + 1, self.memory.ever_done
        if way in ("waiting", "suspected"):
            job.tries += 1
        if way in ("deferred", "accepted", "blocked"):
            job.attempts -= 1
        if way == "done":
            job.lost, job.tries, job.strikes, job.struck = 0, 0, 0, None
            self.memory.ever_done += 1
        if way not in ("accepted", "blocked"):
            self.memory.counts[job.state] += 1

    def replay(self, job_id: str) -> bool:
        """Open a job that is done, dead or refused."""
        job = self.memory.jobs.get(job_id)
        if job is None or job.state not in ENDS:
            return False
        job.state, job.due, job.lost, job.tries, job.strikes = "accepted", self.now, 0, 0, 0
        self.memory.counts["replayed"] += 1
        return True

    def drop(self, job_id: str) -> bool:
        """Forget a dead job, but not that it was tried."""
        job = self.memory.jobs.get(job_id)
        if job is None or job.state != "dead":
            return False
        del self.memory.jobs[job_id]
        if job.attempts:
            self.memory.tried[job_id] = job.attempts
        return True

    def retire(self) -> None:
        """Keep of what is done a marker alone."""
        for job_id in [job_id for job_id, job in self.memory.jobs.items() if job.state == "done"]:
            del self.memory.jobs[job_id]
            self.memory.markers.add(job_id)

    def service_away(self, ticks: int) -> None:
        """Find the service away, which asks for so many ticks."""
        breaker = self.memory.breakers.get(SERVICE)
        till = breaker.until if breaker and not breaker.token else 0
        self.memory.breakers[SERVICE] = Breaker(max(self.now + ticks, till))

    def block(self, kind: str, token: str) -> None:
        """Find with a claim that the jobs of a kind, or all ("") of the queue, cannot be done as things are set."""
        breaker = self.memory.breakers.get(QUEUE)
        if breaker and self._is_open(breaker) and breaker.token != token:
            # Claimed before it opened: that says nothing new.
            return
        self.memory.breakers[QUEUE] = Breaker(self.now + QUEUE_WAIT, kind=kind)

    def wake(self) -> int:
        """Add wake-ups where jobs may be claimed that none announces; return how many."""
        whole = [breaker for breaker in self.memory.breakers.values() if not breaker.kind]
        if self.memory.paused or any(self._is_open(breaker) for breaker in whole):
            return 0
        added = max(0, -(-len(self.ready) // JOBS_A_WAKE_UP) - self.memory.wake_ups)
        self.memory.wake_ups += added
        return added
