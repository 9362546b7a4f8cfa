"""The scripts of groups beside a reference model: whatever happens in whatever order, each firing counts once."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from redis import Redis

from tests.integration.ledger.test_reference import EXAMPLES, STEPS
from tests.support.group_reference import Expected, ReferenceGroups, Shot
from workers.core.jobs import Job
from workers.core.results import EventResult
from workers.ledger import keys
from workers.ledger.connection import now_ms
from workers.ledger.groups import Firing, Groups, Placement
from workers.ledger.ledger import Ledger
from workers.ledger.records import Claim, GroupJoin, GroupTold, Settlement, dead, deferred, done
from workers.settings.model import Settings

pytestmark = pytest.mark.integration

#: Values that a group keeps, and firings of the source that are let through.
MOST_VALUES, LET_THROUGH = 2, 3

#: What must have happened in some of the ways that are tried.
HAPPENS = ("alone", "open", "join", "wait", "limited", "stale", "dead", "told", "closed", "again")


def shot(number: int) -> Shot:
    """Return a firing: some share one group, some another, one has none."""
    job = Job("events.create", {"payload": {"n": number}}, producer="cli")
    return Shot(
        job.id,
        ("a", "a", "a", "b", "b", "")[number % 6],
        f"2026-01-01 00:00:{number % 7:02}",
        (f"v{number % 5}",),
        number % 4,
    )


SHOTS = {shot(number).id: shot(number) for number in range(12)}


class GroupMachine(RuleBasedStateMachine):
    """Does each step to the scripts and to the model, and compares what both answer and hold."""

    def __init__(self, redis: Redis, reached: Counter[str]) -> None:
        super().__init__()
        self.redis, self.reached = redis, reached
        self.ledger = Ledger(redis, lease_s=1_000)
        self.groups = Groups(redis, Settings(group_values=MOST_VALUES))
        self.model = ReferenceGroups(most_values=MOST_VALUES, let_through=LET_THROUGH)
        self.work: list[list[tuple[Claim, Placement]]] = []

        self.events = self.updates = 0

    @initialize()
    def empty(self) -> None:
        self.redis.flushall()

    @rule(
        what=st.sampled_from(
            ("accept", "claim", "claim", "settle", "settle", "lose", "close", "tell", "replay")
        ),
        chance=st.randoms(use_true_random=True),
    )
    def step(self, what: str, chance: Random) -> None:
        """Take one step; the methods that are named so draw the rest."""
        getattr(self, what)(chance)

    def accept(self, chance: Random) -> None:
        numbers = chance.sample(range(12), 4)
        for answer in self.ledger.accept(
            [Job("events.create", {"payload": {"n": n}}, producer="cli") for n in numbers]
        ):
            if answer.created:
                self.model.open_jobs.add(answer.id)

    def claim(self, chance: Random) -> None:
        """Let a worker claim firings and ask for their places."""
        claims = self.ledger.claim("events", chance.choice((1, 2, 5)))
        places = self.groups.enter([self._asking(SHOTS[claim.id]) for claim in claims])
        expected = [self.model.enter(SHOTS[c.id], p.group) for c, p in zip(claims, places, strict=True)]
        note(f"claim {expected}")
        assert [Expected(p.verdict, p.is_limited, p.group, p.event, p.opener) for p in places] == expected
        for place in places:
            self.reached[place.verdict] += 1
            self.reached["limited"] += place.is_limited
        if claims:
            self.work.append(list(zip(claims, places, strict=True)))

    def _asking(self, shot: Shot) -> Firing:
        return Firing(shot.id, 1_000, "source", shot.group, shot.group, LET_THROUGH, 10_000, "over", "over")

    def settle(self, chance: Random) -> None:
        """Let a worker settle what it has, as its places say; some makers die."""
        if not self.work:
            return
        work = self.work.pop(chance.randrange(len(self.work)))
        settlements, counted = [], []
        for claim, place in work:
            settlement = self._settlement(claim, place, dies=chance.random() < 0.2)
            settlements.append(settlement)
            note(f"settle {claim.id} {settlement.state} {settlement.group}")
        stale = {settlement.claim.id for settlement in self.ledger.settle(settlements)}
        self.reached["stale"] += len(stale)
        for settlement in settlements:
            if settlement.claim.id in stale:
                continue
            self.reached["dead"] += settlement.state == "dead"
            if settlement.state in ("done", "dead"):
                self.model.open_jobs.discard(settlement.claim.id)
            if isinstance(settlement.group, GroupJoin):
                counted.append((SHOTS[settlement.claim.id], settlement.group.group, settlement.group.event))
        self.model.settle(counted)

    def _settlement(self, claim: Claim, place: Placement, *, dies: bool) -> Settlement:
        shot = SHOTS[claim.id]
        if place.verdict == "wait":
            return deferred(claim, "waits", 0)
        if place.verdict != "join" and dies:
            return dead(claim, "refused")
        self.events += place.verdict == "open"
        event = self.events if place.verdict == "open" else 0
        join = GroupJoin(
            place.group,
            shot.happened_at,
            shot.values,
            1_000,
            MOST_VALUES,
            event=event,
            severity=str(shot.severity),
            rank=shot.severity,
        )
        return done(claim, EventResult(event_id=event or place.event), join if place.group else None)

    def lose(self, chance: Random) -> None:
        """Let the lease of a worker run out that goes on all the same."""
        for claim, _ in chance.choice(self.work) if self.work else ():
            if self.redis.hget(keys.progress(claim.id), "lease") == claim.token.encode():
                self.redis.hset(keys.progress(claim.id), "state", "accepted")
                self.redis.zadd(keys.due("events"), {claim.id: 0})

    def close(self, chance: Random) -> None:
        name = chance.choice(("a", "b", "over"))
        if group_id := self.model.open.get(name):
            self.redis.hset(keys.grouped(group_id), "until", 1_000)
            self.model.close(name)
            self.reached["closed"] += 1

    def tell(self, chance: Random) -> None:
        """Let an event be told of what its group has by now."""
        group_id = chance.choice(list(self.model.groups) or [""])
        state = self.groups.state(group_id)
        if state is None or not state.event:
            return
        self.updates += 1
        self.ledger.accept([Job("sightings.add", {"n": self.updates}, producer="cli")])
        claims = list(self.ledger.claim("events", 100))
        for claim in claims:
            told = GroupTold(group_id, state.count, 0, 1_000)
            update = claim.kind == "sightings.add"
            self.ledger.settle([done(claim, EventResult(), told) if update else deferred(claim, "", 0)])
        self.model.groups[group_id].told = state.count
        self.reached["told"] += 1

    def replay(self, chance: Random) -> None:
        """Let an operator have a done firing done once more."""
        job_id = chance.choice(list(SHOTS))
        if self.redis.hget(keys.progress(job_id), "state") in (b"done", b"dead"):
            self.redis.zrem(keys.DONE, job_id)
            self.redis.zrem(keys.DEAD, job_id)
            self.redis.hset(keys.progress(job_id), "state", "accepted")
            self.redis.zadd(keys.due("events"), {job_id: 0})
            self.model.open_jobs.add(job_id)
            self.reached["again"] += 1

    @invariant()
    def both_hold_the_same(self) -> None:
        for group_id, group in self.model.groups.items():
            state = self.groups.state(group_id)
            assert state
            assert (state.count, state.event, state.first, state.last) == (
                group.count,
                group.event,
                group.first,
                group.last,
            )
            assert (state.told, state.is_limited) == (group.told, group.is_limited)
            assert int(state.severity or 0) == group.severity
            values = self.groups.values(group_id)
            assert len(values) == len(group.values)
            assert state.more + sum(values.values()) == group.more + group.values.total() == group.count
            is_owed = self.redis.zscore(keys.GROUPS_DUE, group_id) is not None
            assert is_owed == bool(group.event and group.count > group.told)

    def teardown(self) -> None:
        assert now_ms(self.redis)


def test_the_scripts_count_each_firing_once_whatever_happens(redis: Redis) -> None:
    reached: Counter[str] = Counter()
    run_state_machine_as_test(
        lambda: GroupMachine(redis, reached),
        settings=settings(
            max_examples=EXAMPLES // 4, stateful_step_count=STEPS, suppress_health_check=list(HealthCheck)
        ),
    )
    assert {name for name in HAPPENS if not reached[name]} == set()
