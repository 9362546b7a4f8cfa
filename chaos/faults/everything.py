"""Everything at once, at random, for as long as it is given: what breaks next is drawn from the seed."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from random import Random

from redis import Redis

from chaos.scenario import Scenarios, Size
from chaos.scene import BATCH, LEASE_S, Scene
from chaos.time_shift import jump
from workers.ledger.connection import connect

fault = Scenarios()

#: Workers that share the work; the one that is struck is drawn anew each time.
WORKERS = ("worker", "worker-2")

#: Seconds that Redis gets for a jump of its clock.
PATIENCE_S = 60.0

Blow = Callable[[Scene, Random], None]


def kill_worker(scene: Scene, chance: Random) -> None:
    """Kill a worker hard and start another."""
    name = chance.choice(WORKERS)
    scene.processes.kill(name)
    scene.start_worker(name)


def suspend_worker(scene: Scene, chance: Random) -> None:
    """Let a worker stand still for longer than its lease."""
    name = chance.choice(WORKERS)
    scene.processes.signal(name, signal.SIGSTOP)
    scene.pass_time(LEASE_S * chance.uniform(0.5, 1.6))
    scene.processes.signal(name, signal.SIGCONT)


def stop_worker(scene: Scene, chance: Random) -> None:
    """Ask a worker to stop and start another."""
    name = chance.choice(WORKERS)
    scene.processes.stop(name)
    scene.start_worker(name)


def kill_beat(scene: Scene, _chance: Random) -> None:
    """Kill beat hard and start another."""
    scene.processes.kill("beat")
    scene.start_beat()


def kill_redis(scene: Scene, chance: Random) -> None:
    """Kill Redis hard; it is away for a moment."""
    scene.redis.kill()
    scene.pass_time(chance.uniform(0.1, 2))
    scene.redis.start()


def pause_redis(scene: Scene, chance: Random) -> None:
    """Let Redis stand still for a moment."""
    scene.server.send_signal(signal.SIGSTOP)
    scene.pass_time(chance.uniform(0.5, 6))
    scene.server.send_signal(signal.SIGCONT)


def fill_redis(scene: Scene, chance: Random) -> None:
    """Let Redis be out of memory for a moment."""
    with Redis.from_url(scene.server.url, socket_timeout=PATIENCE_S) as other:
        other.config_set("maxmemory", 1_000_000)
        scene.pass_time(chance.uniform(0.5, 3))
        other.config_set("maxmemory", 0)


def jump_clock(scene: Scene, chance: Random) -> None:
    """Let Redis's clock jump, back by less than a lease; with ten thousands of jobs Redis needs seconds for that."""
    with connect(scene.server.url, answer_timeout_s=PATIENCE_S) as redis:
        jump(redis, chance.choice((60.0, 5.0, -1.0, -3.0)))


def trouble_threatq(scene: Scene, chance: Random) -> None:
    """Let ThreatQ fail, throttle, hang up or answer late for a moment."""
    scene.fault(**chance.choice(TROUBLES))
    scene.pass_time(chance.uniform(0.5, 4))
    scene.no_faults()


#: What ThreatQ does to some of the calls meanwhile.
TROUBLES = (
    {"kind": "error", "status": 500, "ratio": 0.5},
    {"kind": "error", "status": 503},
    {"kind": "rate_limit", "next": 20},
    {"kind": "drop_after", "next": 3},
    {"kind": "hang"},
)

BLOWS: tuple[Blow, ...] = (
    kill_worker,
    suspend_worker,
    stop_worker,
    kill_beat,
    kill_redis,
    pause_redis,
    fill_redis,
    jump_clock,
    trouble_threatq,
)


@fault(
    "everything", "workers, beat, Redis and ThreatQ are struck at random, again and again, while jobs come in"
)
def everything(scene: Scene, chance: Random, size: Size) -> None:
    """Draw a blow, send some jobs, and go on until the time is over."""
    scene.start_beat()
    for name in WORKERS:
        scene.start_worker(name)
        scene.wait_for_worker(name)
    struck: Counter[str] = Counter()
    ends, sent = time.monotonic() + size.strikes_s, 0
    while time.monotonic() < ends:
        scene.send(range(sent, sent + BATCH))
        sent += BATCH
        scene.pass_time(chance.uniform(0, 0.5))
        blow = chance.choice(BLOWS)
        struck[blow.__name__] += 1
        blow(scene, chance)
    scene.notes += [f"{name} {count} times" for name, count in struck.most_common()]
    if late := (scene.server.folder / "redis.log").read_text().count("fsync is taking too long"):
        # A Redis that is killed then has forgotten what it answered last, unless appendfsync is always.
        scene.notes.append(f"Redis answered {late} times before its busy disk had it")
