"""Redis: killed, paused, full."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random

from redis import Redis
from redis.exceptions import OutOfMemoryError

from chaos.scenario import Scenarios, Size
from chaos.scene import BATCH, Scene

fault = Scenarios()


def kill_and_start(scene: Scene, chance: Random, size: Size) -> None:
    """Kill Redis hard in the middle of accepts and of work, a few times."""
    turns = max(2, size.kills // 4)
    moments = [(round(chance.uniform(0.1, 0.8), 2), round(chance.uniform(0.1, 2), 2)) for _ in range(turns)]
    scene.say(f"schedule: (seconds until killed, seconds down): {moments}")
    scene.start_workers()
    share = size.jobs // turns // 2
    for turn, (until_killed, down) in enumerate(moments):
        first = 2 * turn * share
        scene.send(range(first, first + share))
        scene.pass_time(until_killed)
        scene.redis.kill()
        scene.send(range(first + share, first + 2 * share))
        scene.pass_time(down)
        scene.redis.start()
    scene.notes.append(f"{scene.spooled} of the jobs were spooled meanwhile")


@fault("redis-killed", "Redis (appendfsync everysec) is killed hard and started again; producers go on")
def redis_killed(scene: Scene, chance: Random, size: Size) -> None:
    """Kill Redis as it is run by default."""
    kill_and_start(scene, chance, size)


@fault("redis-killed-always", "the same with appendfsync always", appendfsync="always")
def redis_killed_always(scene: Scene, chance: Random, size: Size) -> None:
    """Kill a Redis that writes each accept to disk."""
    kill_and_start(scene, chance, size)


@fault("redis-paused", "Redis does not answer for a while and then goes on as if nothing had been")
def redis_paused(scene: Scene, chance: Random, size: Size) -> None:
    """Stop the Redis process and let it go on: for 30 s in the long form."""
    seconds = min(30.0, size.away_s * 1.5)
    scene.start_workers()
    half = size.jobs // 2
    scene.send(range(half))
    scene.pass_time(chance.uniform(0.1, 0.4))
    scene.server.send_signal(signal.SIGSTOP)
    scene.send(range(half, half + BATCH))
    scene.pass_time(seconds)
    scene.server.send_signal(signal.SIGCONT)
    scene.send(range(half + BATCH, size.jobs))
    scene.notes.append(f"{scene.spooled} of the jobs were spooled meanwhile")


#: Bytes that another program's keys take at once, until Redis takes no more.
STRANGE = b"x" * 50_000


def fill(redis: Redis) -> None:
    """Let another program's keys take what is left of Redis' memory."""
    redis.config_set("maxmemory", redis.info("memory")["used_memory"] + 40 * len(STRANGE))
    with suppress(OutOfMemoryError):
        for number in range(10_000):
            redis.set(f"stranger:{number}", STRANGE)
    # What is left is less than one of these; no room must be left for anything.
    redis.config_set("maxmemory", redis.info("memory")["used_memory"] - 1)


def leave_no_room(redis: Redis) -> None:
    """Give Redis less memory than our own jobs take by now."""
    redis.config_set("maxmemory", redis.info("memory")["used_memory"] // 2)


def full_and_away(scene: Scene, size: Size, fill_it: Callable[[Redis], None]) -> None:
    """Let ThreatQ be away and Redis full; ThreatQ comes back, and all that was accepted is done in the full Redis."""
    scene.start_workers()
    half = size.jobs // 2
    scene.fault(kind="error", status=503)
    scene.send(range(half))
    with Redis.from_url(scene.server.url) as other:
        fill_it(other)
        scene.say("Redis is full")
        scene.send(range(half, size.jobs))
        scene.pass_time(size.away_s / 2)
        # One that is started now must find the jobs too.
        scene.start_worker("worker-2")
        scene.wait_for_worker("worker-2")
        scene.pass_time(size.away_s / 2)
        scene.no_faults()
        scene.until(
            partial(scene.settled, hurry=size.hurry), "a full Redis is worked off", within_s=size.patience_s
        )
        scene.expect(not scene.restarts, "a process ended because Redis was full")
        other.config_set("maxmemory", 0)
    scene.say("Redis has room again")
    scene.notes.append(f"{scene.spooled} of the jobs were spooled meanwhile")


@fault(
    "redis-full", "a stranger's keys fill Redis (noeviction) while ThreatQ is away, and stay when it is back"
)
def redis_full(scene: Scene, _chance: Random, size: Size) -> None:
    """Fill Redis with another program's keys."""
    full_and_away(scene, size, fill)


@fault(
    "redis-full-of-jobs", "our own jobs fill Redis (noeviction) while ThreatQ is away, and after it is back"
)
def redis_full_of_jobs(scene: Scene, _chance: Random, size: Size) -> None:
    """Let our own entries be more than Redis may hold."""
    full_and_away(scene, size, leave_no_room)
