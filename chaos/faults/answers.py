"""Answers that are lost: ThreatQ has done the work, and no worker received the answer or could record it."""

from __future__ import annotations

from random import Random

from chaos.scenario import Scenarios, Size
from chaos.scene import Scene

fault = Scenarios()

#: The call that makes events, the one whose repetition would double them.
MAKES_EVENTS = {"method": "POST", "path": "/api/events/consume"}


@fault("answer-lost", "ThreatQ makes the events and the connection breaks before its answer")
def answer_lost(scene: Scene, chance: Random, size: Size) -> None:
    """Lose answers of the call that makes events, and now and then of any other call."""
    scene.fault("drop_after", **MAKES_EVENTS, next=size.kills)
    scene.fault("drop_after", ratio=0.05)
    scene.say(f"schedule: {size.kills} answers of POST /api/events/consume lost, and 5 % of all others")
    scene.start_beat()
    scene.start_worker()
    scene.send(range(size.jobs))
    scene.pass_time(chance.uniform(3, 5))
    scene.no_faults()


@fault(
    "killed-before-answer", "the worker is killed hard when ThreatQ has made the events and not yet answered"
)
def killed_before_answer(scene: Scene, _chance: Random, size: Size) -> None:
    """Hold each answer back until the worker is dead."""
    turns = max(2, size.kills // 4)
    share = size.jobs // turns
    scene.start_beat()
    for turn in range(turns):
        scene.fault("hang_after", **MAKES_EVENTS)
        scene.send(range(turn * share, (turn + 1) * share))
        made = scene.events()
        scene.start_worker()
        scene.until_events(more_than=made)
        scene.processes.kill("worker")
        scene.no_faults()
    scene.say(f"killed {turns} times with {scene.events()} events made whose answer no worker had received")
    scene.start_worker()


@fault(
    "killed-before-ledger",
    "ThreatQ has answered, Redis is gone, and the worker is killed before it can write it down",
)
def killed_before_ledger(scene: Scene, _chance: Random, size: Size) -> None:
    """Kill Redis when the events are made, let the worker find that out, then kill it and start Redis again."""
    turns = max(2, size.kills // 4)
    share = size.jobs // turns
    scene.start_beat()
    for turn in range(turns):
        scene.start_worker()
        # A worker asks this once in its life, of the first event that it made.
        scene.fault("latency", ms=1_000, method="GET", path="/api/events/*/attributes")
        made = scene.events()
        scene.send(range(turn * share, (turn + 1) * share))
        scene.until_events(more_than=made)
        scene.redis.kill()
        scene.pass_time(1.5)
        scene.processes.kill("worker")
        scene.redis.start()
        scene.no_faults()
    scene.start_worker()


@fault(
    "strange-answers",
    "after the events are made, ThreatQ answers questions about them with 404, then with 403",
)
def strange_answers(scene: Scene, _chance: Random, size: Size) -> None:
    """Break a batch off in its middle with answers that are not expected there."""
    scene.start_beat()
    scene.start_worker()
    scene.fault("error", status=404, method="GET", path="/api/events/*/indicators", next=1)
    scene.fault("error", status=403, method="GET", path="/api/events/*/attributes", next=1)
    scene.send(range(size.jobs))
    scene.until(lambda: scene.waiting() or scene.all_settled(), "the first answers are in", within_s=30)
    scene.no_faults()
    scene.let_waiting_time_pass()
