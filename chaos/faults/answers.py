"""Answers that are lost: ThreatQ has done the work, and nobody heard of it."""

from __future__ import annotations

from random import Random

from chaos.scenario import Shelf, Size
from chaos.scene import Scene

fault = Shelf()

#: The call that makes events, the one whose repetition would double them.
MAKES_EVENTS = {"method": "POST", "path": "/api/events/consume"}


@fault("answer-lost", "ThreatQ makes the events and the connection breaks before its answer")
def answer_lost(scene: Scene, chance: Random, size: Size) -> None:
    """Lose answers of the call that makes events, and now and then of any other call."""
    scene.fault("drop_after", **MAKES_EVENTS, next=size.kills)
    scene.fault("drop_after", ratio=0.05)
    scene.say(f"schedule: {size.kills} answers of POST /api/events/consume lost, and 5 % of all others")
    scene.processes.beat()
    scene.start_worker()
    scene.send(range(size.jobs))
    scene.pass_time(chance.uniform(3, 5))
    scene.no_faults()
