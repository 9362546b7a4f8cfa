"""ThreatQ's bad days."""

from __future__ import annotations

from random import Random

from chaos.scenario import Shelf, Size
from chaos.scene import Scene

fault = Shelf()


def budget(seconds: float) -> int:
    """Return how many calls all workers together may make while ThreatQ is away for so long.

    The breaker lets one probe through after half a second and then after twice as long each time, up to a
    minute; a probe may take a few calls, and what was under way when it went away is counted too.
    """
    return 40 + int(seconds)


@fault("threatq-away", "ThreatQ answers 503 to everything for a while; two workers")
def threatq_away(scene: Scene, chance: Random, size: Size) -> None:
    """Let ThreatQ be away with jobs waiting and jobs coming in; count the calls during and after."""
    scene.start_beat()
    scene.start_worker("worker")
    scene.start_worker("worker-2")
    half = size.jobs // 2
    scene.send(range(half))
    scene.pass_time(chance.uniform(0.2, 0.6))
    scene.fault("error", status=503)
    before = scene.calls()
    scene.send(range(half, size.jobs))
    scene.pass_time(size.away_s)
    during = scene.calls() - before
    scene.no_faults()
    scene.notes.append(f"{during} calls while it was away for {size.away_s:.0f} s")
    scene.expect(
        during <= budget(size.away_s), f"{during} calls during the outage, {budget(size.away_s)} allowed"
    )
