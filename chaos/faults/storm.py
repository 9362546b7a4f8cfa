"""One detection that fires again and again, through every entry: one event with the exact count, whatever is killed."""

from __future__ import annotations

from random import Random

from chaos.account import Account, events_of
from chaos.scenario import Scenarios, Size
from chaos.scene import Scene
from chaos.storm_senders import HTTP_TOKENS, TITLE, StormSenders, happened, job_id
from workers.core.results import EventResult
from workers.ledger import keys
from workers.ledger.groups import GroupState
from workers.ledger.small_writes import write

fault = Scenarios()

#: Workers that share the work; the one that is killed is drawn anew each time.
WORKERS = ("worker", "worker-2")

#: Calls of ThreatQ that a storm may take, with all logins of workers that were killed: 1 in 1,000 firings.
MOST_CALLS = 100

#: How many kills of a worker there are for one of Redis, and jobs whose results are looked at.
KILLS_A_KILL_OF_REDIS, SAMPLE = 7, 200


class Storm:
    """A storm of so many firings, what is known of its group, and the verdict."""

    def __init__(self, scene: Scene, firings: int, chance: Random) -> None:
        self.scene, self.firings = scene, firings
        self._sample = chance.sample(range(firings), SAMPLE)
        scene.judge = self.judge

    @property
    def state(self) -> GroupState | None:
        """What the ledger knows of the group, None before its first firing."""
        redis = self.scene.ledger.redis
        ids = [group_id.decode() for group_id in redis.zrange(keys.GROUPS, 0, -1)]
        return GroupState.read(ids[0], redis.hgetall(keys.grouped(ids[0]))) if ids else None

    def count(self) -> int:
        """Return how many firings have been counted."""
        state = self.state
        return state.count if state else 0

    def is_told(self) -> bool:
        """Whether the event knows of all firings; what it does not know of is due now."""
        redis, state = self.scene.ledger.redis, self.state
        if state and state.told < state.count:
            write(redis, ("ZADD", keys.GROUPS_DUE, "XX", "LT", 1, state.id))
        return bool(state and state.told == self.firings)

    def judge(self, account: Account) -> None:
        """Compare the event with what was sent."""
        events = events_of(self.scene.threatq).get(TITLE, [])
        facts = {row["name"]: row["value"] for event in events[:1] for row in event["attributes"]}
        account.accepted = self.firings
        account.done = int(facts.get("Firings", 0))
        account.lost = max(0, self.firings - account.done)
        account.doubled = max(0, len(events) - 1) + max(0, account.done - self.firings)
        seen = (facts.get("First Seen"), facts.get("Last Seen"))
        self.scene.expect(
            seen == (happened(0), happened(self.firings - 1)), f"seen from {seen[0]} to {seen[1]}"
        )
        self.scene.expect(
            account.calls <= MOST_CALLS, f"{account.calls} calls of ThreatQ, {MOST_CALLS} allowed"
        )
        self.scene.expect(
            self._all_name(events[0]["id"] if events else 0), "a firing's job names another event"
        )

    def _all_name(self, event_id: int) -> bool:
        records = self.scene.admin.records([job_id(number) for number in self._sample])
        outcomes = [record.outcome for record in records]
        named = {outcome.event_id for outcome in outcomes if isinstance(outcome, EventResult)}
        return named == {event_id} and len(outcomes) == SAMPLE


@fault(
    "storm",
    "one detection fires again and again through every entry while workers and Redis (appendfsync always) are killed",
    appendfsync="always",
    TQ_GROUP_BY="chaos=event_name",
    TQ_SETTINGS_FROM="local",
    TQ_HTTP_TOKENS=HTTP_TOKENS,
)
def storm(scene: Scene, chance: Random, size: Size) -> None:
    """Kill workers, and Redis now and then, each time when some more firings have been counted.

    The settings are local, so that each worker that is started anew does not ask ThreatQ for its page.
    """
    counted = Storm(scene, size.firings, chance)
    scene.start_beat()
    for name in WORKERS:
        scene.start_worker(name)
        scene.wait_for_worker(name)
    senders = StormSenders(scene, size.firings, within_s=size.patience_s)
    senders.start()
    for turn in range(size.kills):
        until_counted(counted, size.firings * (turn + 1) // (size.kills + 1), size)
        name = chance.choice(WORKERS)
        scene.processes.kill(name)
        if turn % KILLS_A_KILL_OF_REDIS == KILLS_A_KILL_OF_REDIS // 3:
            scene.redis.kill()
            scene.pass_time(chance.uniform(0.1, 1))
            scene.redis.start()
        scene.start_worker(name)
    senders.join()
    scene.problems += senders.problems
    scene.finish(within_s=size.patience_s, hurry=True)
    replay_lost(scene)
    scene.finish(within_s=size.patience_s, hurry=True)
    until_counted(counted, size.firings, size)
    scene.until(counted.is_told, "the event is told of all firings", within_s=size.patience_s)


def replay_lost(scene: Scene) -> None:
    """Replay, as an operator would, the jobs that were in the hands of three workers that were killed."""
    if dead := scene.admin.ids("dead", most=10**6):
        scene.admin.replay(dead, note={"reason": "replayed: its workers were killed"})
        scene.notes.append(f"{len(dead)} jobs had lost three workers and were replayed")


def until_counted(storm: Storm, firings: int, size: Size) -> None:
    """Return once so many firings have been counted."""
    what = f"{firings:,} firings are counted"
    storm.scene.until(lambda: storm.count() >= firings, what, within_s=size.patience_s)
