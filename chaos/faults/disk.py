"""Redis's disk: the last second that never reached it, and one that is full."""

from __future__ import annotations

import resource
from pathlib import Path
from random import Random

from chaos.scenario import Scenarios, Size
from chaos.scene import Scene

fault = Scenarios()


def append_only_file(scene: Scene) -> Path:
    """Return the file that Redis appends to now."""
    return max(
        (scene.server.folder / "appendonlydir").glob("*.incr.aof"), key=lambda file: file.stat().st_mtime
    )


@fault(
    "redis-tail-cut", "Redis is killed and has lost its last second; senders send again what they sent in it"
)
def redis_tail_cut(scene: Scene, chance: Random, size: Size) -> None:
    """Cut off what Redis wrote last, let other work go first, and send all of the lost time again."""
    turns = max(2, size.kills // 4)
    moments = [round(chance.uniform(0.3, 1.0), 2) for _ in range(turns)]
    scene.say(f"schedule: seconds that are lost: {moments}")
    scene.start_workers()
    share = size.jobs // turns // 3
    for turn, lost_s in enumerate(moments):
        first = 3 * turn * share
        scene.send(range(first, first + share))
        kept = append_only_file(scene).stat().st_size
        scene.send(range(first + share, first + 2 * share))
        scene.pass_time(lost_s)
        scene.redis.kill()
        with append_only_file(scene).open("r+b") as file:
            scene.notes.append(f"{file.seek(0, 2) - kept:,} bytes cut off")
            file.truncate(kept)
        scene.redis.start()
        # Other payloads are worked first, and then the senders send again.
        scene.send(range(first + 2 * share, first + 3 * share))
        scene.until_called()
        scene.send(range(first + share, first + 2 * share))


@fault(
    "redis-disk-full",
    "the disk under Redis's append-only file is full for a while; Redis refuses every write",
)
def redis_disk_full(scene: Scene, chance: Random, size: Size) -> None:
    """Let no file of Redis grow, as a full disk does, and then give it room again."""
    scene.start_workers()
    half = size.jobs // 2
    scene.send(range(half))
    scene.pass_time(chance.uniform(0.1, 0.4))
    process = scene.server.process
    assert process is not None
    no_limit = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(
        process.pid, resource.RLIMIT_FSIZE, (append_only_file(scene).stat().st_size, no_limit[1])
    )
    scene.say("the disk is full")
    scene.send(range(half, size.jobs))
    scene.pass_time(size.away_s)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, no_limit)
    scene.say("the disk has room again")
    scene.notes.append(f"{scene.spooled} of the jobs were spooled meanwhile")
