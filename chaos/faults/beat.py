"""Beat: gone, or there twice; and wake-ups that no worker receives."""

from __future__ import annotations

from random import Random

from chaos.scenario import Scenarios, Size
from chaos.scene import Scene
from workers.ledger import keys

fault = Scenarios()


def lose_the_wake_ups(scene: Scene) -> None:
    """Throw every wake-up away, as a worker does that is killed between taking it and working."""
    scene.ledger.redis.delete(keys.wake_ups("events"))


@fault("beat-killed", "beat is killed hard while wake-ups get lost, and started again later")
def beat_killed(scene: Scene, chance: Random, size: Size) -> None:
    """Lose wake-ups without a beat that would send new ones."""
    scene.start_beat()
    scene.pass_time(1)
    scene.processes.kill("beat")
    scene.send(range(size.jobs))
    lose_the_wake_ups(scene)
    scene.start_worker()
    scene.wait_for_worker()
    scene.pass_time(chance.uniform(0.5, 1.5))
    scene.notes.append(f"{sum(scene.admin.open_jobs().values())} jobs open before beat came back")
    scene.start_beat()


@fault("two-beats", "two beats run by mistake, with two workers")
def two_beats(scene: Scene, _chance: Random, size: Size) -> None:
    """Let everything be woken twice."""
    for name in ("beat", "beat-2"):
        scene.start_beat(name)
    for name in ("worker", "worker-2"):
        scene.start_worker(name)
        scene.wait_for_worker(name)
    for start in range(0, size.jobs, 10):
        scene.send(range(start, min(start + 10, size.jobs)))
        if start % 50 == 0:
            lose_the_wake_ups(scene)
