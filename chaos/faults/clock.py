"""Clocks that are wrong, or jump: leases and due times come from Redis's clock alone."""

from __future__ import annotations

from random import Random

from chaos.faults.beat import lose_the_wake_ups
from chaos.faults.poison import INSIDE
from chaos.scenario import Scenarios, Size
from chaos.scene import Scene
from chaos.time_shift import jump

fault = Scenarios()

#: Seconds that Redis's clock jumps ahead: beyond every lease and wait.
AHEAD_S = 3_600


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


@fault("clock-jump", "Redis's clock jumps an hour ahead, and back, again and again, while two workers work")
def clock_jump(scene: Scene, chance: Random, size: Size) -> None:
    """Let every lease end in the middle of its work, then every wait last longer than it should."""
    back_s = min(size.away_s, 20)
    turns = [round(chance.uniform(0, 0.5), 2) for _ in range(max(2, size.kills // 4))]
    scene.say(f"schedule: seconds after the first call until it jumps: {turns}")
    scene.start_beat()
    for name in ("worker", "worker-2"):
        scene.start_worker(name)
        scene.wait_for_worker(name)
    share = size.jobs // len(turns)
    for turn, pause in enumerate(turns):
        scene.send(range(turn * share, (turn + 1) * share))
        scene.until_called()
        scene.pass_time(pause)
        jump(scene.ledger.redis, AHEAD_S)
        scene.pass_time(pause)
        jump(scene.ledger.redis, -back_s)
    again = sum(record.attempts > 1 for record in scene.admin.records(list(scene.sent.values())))
    scene.notes.append(f"{again} jobs were claimed by another worker meanwhile")
