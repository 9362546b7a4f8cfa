"""The ledger's scripts beside the reference model: each step is done to both, and both must say and hold the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import chain
from random import Random
from typing import Any, cast

import pytest
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)
from msgspec.structs import replace

from chaos.time_shift import jump
from sandbox.launch.redis_server import age
from tests.support.ledger_reference import ENDS, LEASE, QUEUE, REST, SERVICE, WARY, ReferenceLedger, Way
from tests.support.ledger_work import (
    ANSWERS,
    IDS,
    KEYS,
    KIND,
    KINDS,
    MOST_OPEN,
    NUMBERS,
    OTHER_KIND,
    TICK_S,
    WAYS,
    Disk,
    Work,
    event,
)
from workers.core.errors import Busy
from workers.core.jobs import Job
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import now_ms
from workers.ledger.ledger import MOST_LOST, Ledger
from workers.ledger.reader import ENDED
from workers.ledger.records import Claim, Settlement

#: A job that waits for its turn is due in 200 ms; in half a tick it is so however slow this machine is.
LATER = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], string.format('(%d', now), now + 1000)) do
  redis.call('ZADD', KEYS[1], now + ARGV[1], id)
end
"""

#: What must have happened in some of the ways that are tried.
HAPPENS = (
    *("new", "known", "conflict", "busy", "claimed", "looked for after a restart", "lost"),
    *("done", "dead", "refused", "waiting", "interrupted", "replayed", "blocked"),
    *("the queue waits", "a kind waits", "claimed past a kind that waits", "the queue is tried", "woken"),
)

#: The steps, those that lead on more often.
LIKELY = (
    *("accept", "claim", "settle", "work_whole_round", "pass_time", "make_events") * 3,
    *("renew", "drop", "write_to_disk", "crash", "block") * 2,
    *("kill_a_worker", "lose_workers", "service_away", "replay", "pause_or_resume", "retire"),
    "wake",
)


class LedgerMachine(RuleBasedStateMachine):
    """Does each step to the scripts and to the model, and compares what both answer and hold."""

    def __init__(self, redis: Any, reached: Counter[str]) -> None:
        super().__init__()
        #: What happened in all ways that were tried.
        self.reached = reached
        self.redis, self.admin = redis, LedgerAdmin(redis)
        self.ledger = Ledger(
            redis,
            lease_s=LEASE * TICK_S,
            last_chance_after_s=REST * TICK_S,
            wary_s=WARY * TICK_S,
            most_open=MOST_OPEN,
        )
        self.model = ReferenceLedger(MOST_OPEN, KINDS)
        self.work: list[Work] = []
        #: Events in ThreatQ, by the job that made them.
        self.events: Counter[str] = Counter()
        #: What each sender was told is kept, until an operator drops it or a crash forgets it.
        self.owed: set[str] = set()

    @initialize()
    def a_redis_that_has_run_for_long(self) -> None:
        self.redis.flushall()
        age(self.redis)
        self.disk = self._disk()

    @rule(what=st.sampled_from(LIKELY), chance=st.randoms(use_true_random=True))
    def step(self, what: str, chance: Random) -> None:
        """Take one step; the methods that are named so draw the rest."""
        getattr(self, what)(chance)

    # -- senders --

    def accept(self, chance: Random) -> None:
        batch = [event(chance.choice(NUMBERS), chance.choice(KEYS)) for _ in range(chance.choice((1, 1, 2)))]
        note(f"accept {[(job.id, job.key) for job in batch]}")
        self._accept(batch)

    def _accept(self, jobs: list[Job]) -> None:
        expected = self.model.accept([(job.id, job.key) for job in jobs])
        if expected is None:
            self.reached["busy"] += 1
            with pytest.raises(Busy):
                self.ledger.accept(jobs)
            return
        answers = self.ledger.accept(jobs)
        assert [(a.id, a.created, a.conflict) for a in answers] == expected
        self.owed |= {answer.id for answer in answers}
        for answer in answers:
            self.reached["conflict" if answer.conflict else "new" if answer.created else "known"] += 1

    # -- workers --

    def claim(self, chance: Random) -> Work | None:
        most = chance.choice((1, 2, 3))
        order = [i.decode() for i in self.redis.zrangebyscore(keys.due("events"), "-inf", now_ms(self.redis))]
        note(f"claim {most} of {order}")
        assert sorted(order) == sorted(self.model.ready)
        claims = self.ledger.claim("events", most)
        token = claims[0].token if claims else "none"
        expected = self.model.claim(order, most, token)
        assert [(c.id, c.attempts, c.lost, c.solo_failures) for c in claims] == expected
        self._note_breaker(claims)
        self.redis.eval(LATER, 1, keys.due("events"), TICK_S * 500)
        for claim in claims:
            tried = self.model.memory.jobs[claim.id].attempts
            self.reached["looked for after a restart" if claim.attempts > tried else "claimed"] += 1
            self.reached["claimed as the last chance"] += claim.lost == MOST_LOST - 1
        if not claims:
            return None
        self.work.append(Work(claims))
        return self.work[-1]

    def _note_breaker(self, claims: list[Claim]) -> None:
        breaker = self.model.memory.breakers.get(QUEUE)
        if breaker and claims:
            self.reached["the queue is tried"] += breaker.token == claims[0].token
            self.reached["claimed past a kind that waits"] += breaker.token != claims[0].token

    def renew(self, chance: Random) -> None:
        if self.work:
            work, proves = chance.choice(self.work), chance.choice((True, False))
            note(f"renew {work.ids}, {proves=}")
            call = self.ledger.prove if proves else self.ledger.renew
            assert call(work.claims) == self._lost(work, proves=proves)

    def _lost(self, work: Work, *, proves: bool) -> set[str]:
        return self.model.renew(work.ids, work.token, proves=proves, is_of_this_life=work.is_of_this_life)

    def make_events(self, chance: Random) -> None:
        waiting = [work for work in self.work if not work.begun]
        if waiting:
            self._make_events(chance.choice(waiting))

    def _make_events(self, work: Work) -> None:
        """Prove the leases and make the events at once, after a look for those that were tried before."""
        note(f"make events of {work.ids}")
        lost = self.ledger.prove(work.claims)
        assert lost == self._lost(work, proves=True)
        self.reached["lost"] += len(lost)
        if lost:
            self._settle(work, "interrupted", 0, answered=())
            return
        for claim in work.claims:
            if claim.attempts == 1 or not self.events[claim.id]:
                self.events[claim.id] += 1
        work.begun = True

    def settle(self, chance: Random) -> None:
        if self.work:
            work, way = chance.choice(self.work), chance.choice(WAYS)
            self._settle(work, way, chance.choice((0, 0, 1, 2)), answered=chance.choice(ANSWERS))

    def _settle(self, work: Work, way: Way, delay: int, *, answered: Collection[str]) -> None:
        # As a worker does: nothing is done without its event, and what was begun stays counted.
        if way == "done" and not work.begun:
            way = "dead"
        if way in ("deferred", "accepted") and work.begun:
            way = "interrupted"
        self._settle_each(work, dict.fromkeys(work.ids, way), delay, answered=answered)

    def _settle_each(
        self, work: Work, ways: dict[str, Way], delay: int, *, answered: Collection[str]
    ) -> None:
        note(f"settle {ways} for {delay}, {answered=}")
        settlements = [
            Settlement(claim, way, {"event_id": 7} if way == "done" else {"reason": way}, delay * TICK_S)
            for claim, way in zip(work.claims, ways.values(), strict=True)
        ]
        stale = self.ledger.settle(settlements, answered=answered)
        expected = self.model.settle(ways, work.token, delay, answered=answered)
        assert {settlement.claim.id for settlement in stale} == expected
        for job_id, way in ways.items():
            self.reached[way] += job_id not in expected
        self.work.remove(work)

    def block(self, chance: Random) -> None:
        """Let a worker find that its jobs, or those of a kind, cannot be done as things are set, before it begins."""
        work = next((work for work in self.work if not work.begun), None) or self.claim(chance)
        if work:
            kind = chance.choice(("", "", KIND, OTHER_KIND))
            note(f"block {kind or 'all'} by the claim of {work.ids}")
            self.ledger.block("events", "the connector is disabled", kind=kind, token=work.token)
            self.model.block(kind, work.token)
            self.reached["a kind waits" if kind else "the queue waits"] += 1
            ways: dict[str, Way] = {
                claim.id: "blocked" if kind in ("", claim.kind) else "accepted" for claim in work.claims
            }
            self._settle_each(work, ways, 0, answered=chance.choice(((), (SERVICE,))))

    def work_whole_round(self, chance: Random) -> None:
        """Let a worker do its round with nothing coming before one of its steps."""
        work = self.claim(chance)
        if work:
            self._make_events(work)
        if work in self.work:
            self._settle(work, chance.choice(WAYS), 0, answered=(SERVICE, QUEUE))

    def kill_a_worker(self, chance: Random) -> None:
        if self.work:
            work = chance.choice(self.work)
            note(f"kill the worker of {work.ids}")
            self.work.remove(work)

    def lose_workers(self, chance: Random) -> None:
        """Let some workers in a row claim and stand still for longer than their lease."""
        for _ in range(chance.choice((1, 2, 3, 4))):
            self.claim(chance)
            self._pass(LEASE)

    def service_away(self, chance: Random) -> None:
        ticks = chance.choice((1, 2))
        self.ledger.service_away("threatq", "it answers 503", after=ticks * TICK_S)
        self.model.service_away(ticks)

    def wake(self, chance: Random) -> None:
        """Let upkeep wake the queue, often after its wake-ups were taken or lost.

        Where one kind of its jobs waits, it need not know that no other is ready.
        """
        if chance.choice((True, False)):
            self._lose_wake_ups()
        expected, before = self.model.wake(), self.redis.llen(keys.wake_ups("events"))
        added = self.ledger.wake("events")
        breaker = self.model.memory.breakers.get(QUEUE)
        if breaker and breaker.kind and added < expected:
            free = [job_id for job_id in self.model.ready if KINDS[job_id] != breaker.kind]
            assert not free
            self.model.memory.wake_ups -= expected - added
        else:
            assert added == expected
        self.reached["woken"] += added
        assert self.redis.llen(keys.wake_ups("events")) == self.model.memory.wake_ups == before + added

    def _lose_wake_ups(self) -> None:
        assert self.redis.llen(keys.wake_ups("events")) == self.model.memory.wake_ups
        self.redis.delete(keys.wake_ups("events"))
        self.model.memory.wake_ups = 0

    # -- operators --

    def replay(self, chance: Random) -> None:
        job_id = self._settled_job(chance, *ENDS)
        note(f"replay {job_id}")
        is_replayed = self.model.replay(job_id)
        assert self.admin.replay([job_id], note={}) == [job_id] * is_replayed
        self.reached["replayed"] += is_replayed

    def drop(self, chance: Random) -> None:
        job_id = self._settled_job(chance, "dead")
        note(f"drop {job_id}")
        is_dropped = self.model.drop(job_id)
        assert self.admin.drop([job_id]) == is_dropped
        self.reached["dropped"] += is_dropped
        self.owed -= {job_id} if is_dropped else set()
        if is_dropped and chance.choice((True, False)):
            self._accept([event(number, chance.choice(KEYS)) for number in NUMBERS if IDS[number] == job_id])

    def _settled_job(self, chance: Random, *states: str) -> str:
        """Return a job in one of these states, where there is one."""
        jobs = [job_id for job_id, job in self.model.memory.jobs.items() if job.state in states]
        return chance.choice(jobs or [IDS[0]])

    def pause_or_resume(self, _chance: Random) -> None:
        is_paused = self.model.memory.paused
        if is_paused:
            self.admin.resume("events")
        else:
            self.admin.pause("events")
        self.model.memory.paused = not is_paused

    # -- time and Redis --

    def pass_time(self, chance: Random) -> None:
        self._pass(chance.choice((1, LEASE, LEASE + 1)))

    def _pass(self, ticks: int) -> None:
        note(f"{ticks} ticks pass")
        self.model.now += ticks
        jump(self.redis, ticks * TICK_S)

    def retire(self, _chance: Random) -> None:
        self.ledger.retention.retire(now_ms(self.redis) + 1)
        self.model.retire()

    def write_to_disk(self, _chance: Random) -> None:
        self.disk = self._disk()

    def _disk(self) -> Disk:
        names = list(self.redis.scan_iter(keys.PREFIX + "*"))
        rows = [(name, max(self.redis.pttl(name), 0), self.redis.dump(name) or b"") for name in names]
        return Disk(self.model.snapshot(), rows, self.model.now)

    def crash(self, _chance: Random) -> None:
        """Let Redis come back with what was on disk, and the senders send again what it has forgotten."""
        self.redis.flushall()
        for name, ttl, value in self.disk.keys:
            self.redis.restore(name, ttl, value)
        # Another run of Redis: what was noted of the run that we cannot change is that of an earlier one.
        self.redis.hset(keys.LIFE, "run", "earlier")
        jump(self.redis, (self.model.now - self.disk.tick) * TICK_S)
        self.model.restart(self.disk.memory)
        for work in self.work:
            work.claims = [replace(claim, life="earlier") for claim in work.claims]
            work.is_of_this_life = False
        known = self.model.memory.jobs.keys() | self.model.memory.markers
        forgotten = [event(number) for number in NUMBERS if IDS[number] in self.owed - known]
        self.owed -= {job.id for job in forgotten}
        for job in forgotten:
            self._accept([job])

    # -- what holds at every moment --

    @invariant()
    def no_event_is_made_twice(self) -> None:
        assert max(self.events.values(), default=0) <= 1

    @invariant()
    def what_is_done_has_its_event(self) -> None:
        memory = self.model.memory
        done = {job_id for job_id, job in memory.jobs.items() if job.state == "done"} | memory.markers
        assert all(self.events[job_id] for job_id in done)

    @invariant()
    def what_was_accepted_is_open_or_ended_until_it_is_dropped(self) -> None:
        assert self.owed <= self.model.memory.jobs.keys() | self.model.memory.markers

    @invariant()
    def a_job_is_in_one_place(self) -> None:
        names = [keys.due("events"), *(ENDED[state] for state in ENDS)]
        places = [self._members(name) for name in names]
        assert max(Counter(chain(*places)).values(), default=0) <= 1
        jobs = self.model.memory.jobs.items()
        ended = [{job_id for job_id, job in jobs if job.state == state} for state in ENDS]
        assert [set(place) for place in places] == [set(self.model.open), *ended]

    @invariant()
    def what_redis_holds_is_what_the_model_holds(self) -> None:
        for job_id, job in self.model.memory.jobs.items():
            fields = cast("dict[bytes, bytes]", self.redis.hgetall(keys.progress(job_id)))
            stored = {name.decode(): value.decode() for name, value in fields.items()}
            assert (
                stored.get("state", "accepted"),
                stored.get("lease", ""),
                *(int(stored.get(name, 0)) for name in ("attempts", "lost", "tries", "strikes")),
            ) == (job.state, job.token, job.attempts, job.lost, job.tries, job.strikes)
            assert self.redis.exists(keys.job(job_id))

    @invariant()
    def what_is_counted_happened(self) -> None:
        counted: Counter[str] = Counter()
        for name, count in self.admin.counts().items():
            counted[name.partition(":")[0]] += count
        assert +counted == +self.model.memory.counts

    def _members(self, key: str) -> Sequence[str]:
        return [member.decode() for member in cast("list[bytes]", self.redis.zrange(key, 0, -1))]
