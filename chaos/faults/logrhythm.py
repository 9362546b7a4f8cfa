"""LogRhythm's bad days, and what people do to our lists by hand while they are written."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

from chaos.lists import ListScene
from chaos.scenario import Scenarios, Size
from chaos.scene import Scene

fault = Scenarios()

#: More than any run meets: the fault stays until it is cleared.
ALWAYS = 10**9

#: Calls that may meet an outage: in five minutes the breaker lets at most eleven probes through, each time later,
#: and a probe that is asked to come again later does so once. The rest is for what was under way.
BUDGET = 60


def start(scene: Scene, size: Size) -> ListScene:
    """Start a worker for syncs, and a first sync."""
    lists = ListScene(scene, each=20 * size.jobs)
    lists.lever("behaviour", {"write_ms": 30})
    scene.start_beat()
    scene.start_worker("sync", queues=("sync", "upkeep"))
    scene.wait_for_worker("sync")
    lists.start()
    return lists


def bad_time(scene: Scene, chance: Random, size: Size, *, how: dict[str, Any]) -> None:
    """Let a fault strike every call in the middle of the writes, for a while."""
    lists = start(scene, size)
    lists.until_writing(chance.randrange(1, 4))
    lists.lever("faults", how)
    before = lists.calls()
    scene.pass_time(size.away_s)
    during = lists.calls() - before
    lists.lever("faults", verb="DELETE")
    scene.notes.append(f"{during} calls in {size.away_s:.0f} s of it")
    scene.expect(during <= BUDGET, f"{during} calls during it, {BUDGET} allowed")


#: Name, what LogRhythm does to every call for a while, and how the sandbox is told. While our token is not taken,
#: no other queue may suffer.
BAD_TIMES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("logrhythm-away", "LogRhythm answers 503 in the middle of the writes", {"errors": ALWAYS}),
    (
        "logrhythm-storm",
        "LogRhythm answers 429 in the middle of the writes, without Retry-After",
        {"too_many": ALWAYS},
    ),
    (
        "logrhythm-storm-retry-after",
        "the same with Retry-After: 2",
        {"too_many": ALWAYS, "retry_after": 2},
    ),
    (
        "logrhythm-token",
        "LogRhythm takes our token no longer, and later takes it again",
        {"unauthorized": ALWAYS},
    ),
)

for _name, _what, _how in BAD_TIMES:
    fault(_name, _what)(partial(bad_time, how=_how))


@fault("logrhythm-deadlocks", "writes meet deadlocks (500) and lose their answers, again and again")
def logrhythm_deadlocks(scene: Scene, chance: Random, size: Size) -> None:
    """Scatter deadlocks and lost answers over the run."""
    lists = start(scene, size)
    for _ in range(size.kills):
        kind = chance.choice(("deadlocks", "drop_after", "drop_before"))
        lists.lever("faults", {"items_only": True, kind: 1})
        scene.pass_time(chance.uniform(0.05, 0.3))


@fault("list-taken-away", "a list is deleted and another is retired by hand while they are written")
def list_taken_away(scene: Scene, chance: Random, size: Size) -> None:
    """Take lists away in the middle; the next sync, if not this one, makes them right."""
    lists = start(scene, size)
    lists.until_writing(chance.randrange(2, 5))
    scene.until(lambda: len(lists.guids()) > 1, "there are two lists", within_s=120)
    deleted, retired = chance.sample(sorted(lists.guids().items()), 2)
    lists.lever(f"lists/{deleted[1]}", verb="DELETE")
    lists.lever(f"lists/{retired[1]}/retire")
    scene.say(f"schedule: {deleted[0]} deleted, {retired[0]} retired")
    scene.finish(within_s=size.patience_s, hurry=size.hurry)
    lists.start()


@fault(
    "owner-gone", "the owner of our lists leaves LogRhythm in the middle, and an administrator puts it right"
)
def owner_gone(scene: Scene, chance: Random, size: Size) -> None:
    """Let every person but the administrator be unknown for a while."""
    lists = start(scene, size)
    lists.until_writing(chance.randrange(1, 4))
    people = lists.lever("behaviour", {})["people"]
    lists.lever("behaviour", {"people": [person for person in people if person["last"] == "LogRhythmAdmin"]})
    scene.pass_time(min(size.away_s, 10))
    lists.lever("behaviour", {"people": people})
    scene.finish(within_s=size.patience_s, hurry=size.hurry)
    lists.start()


@fault("sync-killed", "the worker of a sync is killed hard in the middle of the writes, again and again")
def sync_killed(scene: Scene, chance: Random, size: Size) -> None:
    """Kill the worker as often as one job may lose its worker without being suspected."""
    lists = start(scene, size)
    for turn in (1, 2):
        lists.until_writing(turn * 2)
        scene.pass_time(chance.uniform(0, 0.2))
        scene.processes.kill("sync")
        scene.start_worker("sync", queues=("sync", "upkeep"))


@fault(
    "sync-shared-killed",
    "two workers share a sync, and one or the other is killed hard while they read, plan and write",
)
def sync_shared_killed(scene: Scene, chance: Random, size: Size) -> None:
    """Let a second sync, which has lists to read, lose now its own worker and now the one that helps."""
    lists = start(scene, size)
    scene.start_worker("sync-2", queues=("sync", "upkeep"))
    scene.wait_for_worker("sync-2")
    scene.until(scene.all_settled, "the first sync is done", within_s=120)
    lists.grow(5 * size.jobs)
    lists.start()
    for _ in range(2):
        scene.pass_time(chance.uniform(0.1, 1.0))
        killed = chance.choice(("sync", "sync-2"))
        scene.say(f"schedule: {killed} killed")
        scene.processes.kill(killed)
        scene.start_worker(killed, queues=("sync", "upkeep"))
