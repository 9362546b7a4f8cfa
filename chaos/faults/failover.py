"""A replicated Redis whose primary is killed under load: the replicas have all of it, or not its last moment."""

from __future__ import annotations

import time
from random import Random

from chaos.scenario import Scenarios, Size
from chaos.scene import Scene
from chaos.sentinels import Sentinels
from sandbox.launch.redis_server import RedisServer

fault = Scenarios()


@fault(
    "sentinel-failover",
    "the primary of a replicated Redis is killed under load; three sentinels fail over",
    replicated=True,
)
def sentinel_failover(scene: Scene, chance: Random, size: Size) -> None:
    """Kill whichever server is the primary, twice, and bring the first back as a replica in between."""
    scene.start_workers()
    assert isinstance(scene.redis, Sentinels)
    redis, third = scene.redis, size.jobs // 3
    scene.send(range(third))
    for turn in (1, 2):
        scene.pass_time(chance.uniform(0.2, 0.6))
        scene.until(redis.in_step, "the replicas follow the primary", within_s=60)
        old = redis.kill()
        scene.say(f"the primary on port {old.port} is killed")
        scene.send(range(turn * third, (turn + 1) * third))
        began = time.monotonic()
        _until_promoted(scene, old)
        scene.notes.append(f"taking jobs again after {time.monotonic() - began:.1f} s")
        redis.bring_back(old)
    scene.notes.append(f"{scene.spooled} of the jobs were spooled meanwhile")


def _until_promoted(scene: Scene, old: RedisServer) -> None:
    scene.until(
        lambda: scene.server is not old and scene.takes_jobs(), "a replica takes the jobs", within_s=60
    )


@fault(
    "failover-behind",
    "the primary is killed while its replicas are behind; senders send again what the new primary never heard of",
    replicated=True,
)
def failover_behind(scene: Scene, chance: Random, size: Size) -> None:
    """Cut the replicas off, kill the primary, let other work go first, and send all of the lost time again."""
    turns = max(1, size.kills // 10)
    behind = [round(chance.uniform(0.3, 1.0), 2) for _ in range(turns)]
    scene.say(f"schedule: seconds for which the replicas are behind: {behind}")
    scene.start_workers()
    assert isinstance(scene.redis, Sentinels)
    redis, share = scene.redis, size.jobs // turns // 3
    for turn, seconds in enumerate(behind):
        first = 3 * turn * share
        scene.until(redis.in_step, "the replicas follow the primary", within_s=60)
        scene.send(range(first, first + share))
        redis.cut_off()
        scene.send(range(first + share, first + 2 * share))
        scene.pass_time(seconds)
        old = redis.kill()
        _until_promoted(scene, old)
        redis.join()
        # Other payloads are worked first, and then the senders send again.
        scene.send(range(first + 2 * share, first + 3 * share))
        scene.until_called()
        lost = scene.unknown(range(first + share, first + 2 * share))
        scene.notes.append(f"the new primary had never heard of {lost} jobs")
        scene.expect(lost > 0, "the replicas were not behind")
        scene.send(range(first + share, first + 2 * share))
        redis.bring_back(old)
