"""Clocks that are wrong: leases and due times come from Redis's clock alone."""

from __future__ import annotations

from random import Random

from chaos.faults.beat import lose_the_wake_ups
from chaos.faults.poison import INSIDE
from chaos.scenario import Scenarios, Size
from chaos.scene import Scene

fault = Scenarios()


def wrong_clock(scene: Scene, _chance: Random, size: Size) -> None:
    """Kill a worker and lose wake-ups, so that leases run out and beat must act, while the worker's clock is wrong."""
    scene.start_beat(environ={"CHAOS_CLOCK_S": "0"})
    scene.start_worker()
    scene.wait_for_worker()
    scene.send(range(size.jobs // 2))
    scene.until_called()
    scene.processes.kill("worker")
    scene.start_worker()
    scene.wait_for_worker()
    scene.send(range(size.jobs // 2, size.jobs))
    lose_the_wake_ups(scene)


@fault("clock-fast", "the worker's clock is 5 minutes fast", PYTHONPATH=INSIDE, CHAOS_CLOCK_S="300")
def clock_fast(scene: Scene, chance: Random, size: Size) -> None:
    """Work in the future."""
    wrong_clock(scene, chance, size)


@fault("clock-slow", "the worker's clock is 5 minutes slow", PYTHONPATH=INSIDE, CHAOS_CLOCK_S="-300")
def clock_slow(scene: Scene, chance: Random, size: Size) -> None:
    """Work in the past."""
    wrong_clock(scene, chance, size)
