"""Workers: killed hard, asked to stop, restarted one after the other under load."""

from __future__ import annotations

from random import Random

from chaos.scenario import Shelf, Size
from chaos.scene import Scene

fault = Shelf()


@fault(
    "worker-killed",
    "the worker's whole process group is killed hard, again and again, in the middle of its work",
)
def worker_killed(scene: Scene, chance: Random, size: Size) -> None:
    """Kill the worker `size.kills` times, each time shortly after it has begun to call ThreatQ."""
    delays = [round(chance.uniform(0, 0.6), 2) for _ in range(size.kills)]
    scene.say(f"schedule: killed so many seconds after the first call: {delays}")
    share = size.jobs // size.kills
    scene.start_beat()
    for turn, delay in enumerate(delays):
        scene.send(range(turn * share, (turn + 1) * share))
        scene.start_worker()
        scene.until_called()
        scene.pass_time(delay)
        scene.processes.kill("worker")
    scene.say(f"killed {size.kills} times; {len(scene.desk.ids('done', most=10**6))} done so far")
    scene.start_worker()
