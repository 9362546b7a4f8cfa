"""What accepting and working off a job costs by how many come at once, how many wait, how large they are, and which
Redis keeps them.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.bench_events import PAYLOAD, seconds_to_finish, start_worker, warm_up
from benchmarks.bench_workers import answer_only
from benchmarks.measuring import Stage, cpu_s, median_ms, stage, until
from sandbox.launch.redis_server import RedisServer
from sandbox.launch.tls import tls_front
from workers.core.jobs import Job
from workers.core.results import EventResult
from workers.ledger import keys
from workers.ledger.accept import Replicas
from workers.ledger.connection import connect
from workers.ledger.ledger import Ledger
from workers.ledger.records import done

#: Jobs accepted one by one in each block; blocks under a condition and in the usual Redis take turns.
BLOCK, BLOCKS = 100, 8

#: Jobs that one call accepts, and how many of each size are accepted in all.
CALLS, JOBS = (1, 10, 100, 500), 5_000

#: Open jobs in the queue, and how many of them a claim takes.
DEPTHS, BATCH = (0, 10_000, 100_000, 1_000_000), 100

#: Bytes of a payload, and how many of each go through a worker.
SIZES = {1_000: 2_000, 10_000: 1_000, 100_000: 200, 1_000_000: 30}

numbers = count()


def run() -> dict[str, Any]:
    """Measure all."""
    return {
        "batch": by_batch(),
        "redis": {name: beside_usual(name) for name in CONDITIONS},
        "depth": by_depth(),
        "payload": {f"bytes_{size}": of_size(size, most) for size, most in SIZES.items()},
    }


def job(payload: dict[str, Any] = PAYLOAD) -> Job:
    """Return a job that came in none before."""
    return Job("events.create", {"payload": payload | {"n": next(numbers)}}, producer="bench")


@contextmanager
def server(folder: Path, **options: Any) -> Iterator[RedisServer]:
    """Yield a Redis that runs."""
    running = RedisServer(folder, **options).start()
    try:
        yield running
    finally:
        running.stop()


@contextmanager
def usual(folder: Path) -> Iterator[Ledger]:
    """A Redis as it is installed: what it accepts is on disk within a second."""
    with server(folder) as running, connect(running.url) as redis:
        yield Ledger(redis)


@contextmanager
def always_on_disk(folder: Path) -> Iterator[Ledger]:
    """A Redis that writes each command to its disk before it answers."""
    with server(folder, appendfsync="always") as running, connect(running.url) as redis:
        yield Ledger(redis)


@contextmanager
def confirmed_by_a_replica(folder: Path) -> Iterator[Ledger]:
    """A Redis whose replica confirms each job before the sender has its answer."""
    with server(folder / "primary") as primary, ExitStack() as stack:
        options = ("--replicaof", f"127.0.0.1 {primary.port}", "--repl-diskless-sync-delay", "0")
        stack.enter_context(server(folder / "replica", options=options))
        redis = stack.enter_context(connect(primary.url))
        until(lambda: redis.info("replication").get("slave0", {}).get("state") == "online")
        yield Ledger(redis, replicas=Replicas(1))


@contextmanager
def encrypted(folder: Path) -> Iterator[Ledger]:
    """A Redis that is reached by TLS, which a thread of this process speaks for it."""
    with ExitStack() as stack:
        running = stack.enter_context(server(folder))
        port, authority = stack.enter_context(tls_front(folder, running.port))
        yield Ledger(stack.enter_context(connect(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={authority}")))


CONDITIONS = {
    "appendfsync_always": always_on_disk,
    "one_replica_confirms": confirmed_by_a_replica,
    "tls": encrypted,
}


def beside_usual(name: str) -> dict[str, float]:
    """Return what accepting a job takes under a condition, and beside it in the usual Redis."""
    with tempfile.TemporaryDirectory(prefix="tq-bench-") as folder, ExitStack() as stack:
        plain = stack.enter_context(usual(Path(folder, "usual")))
        special = stack.enter_context(CONDITIONS[name](Path(folder, name)))
        times: dict[str, list[float]] = {"plain": [], "special": []}
        for _ in range(BLOCKS):
            times["plain"] += accepting(plain, BLOCK)
            times["special"] += accepting(special, BLOCK)
        took, usually = median_ms(times["special"]), median_ms(times["plain"])
        return {"accept_ms": took, "usual_ms": usually, "times_usual": round(took / usually, 2)}


def accepting(ledger: Ledger, most: int) -> list[float]:
    """Return the seconds of each of so many jobs."""
    times = []
    for _ in range(most):
        began = time.perf_counter()
        ledger.accept([job()])
        times.append(time.perf_counter() - began)
    return times


def by_batch() -> dict[str, int]:
    """Return how many jobs a second one process has accepted, by how many of them go in one call."""
    rates = {}
    with tempfile.TemporaryDirectory(prefix="tq-bench-") as folder, usual(Path(folder)) as ledger:
        for size in CALLS:
            jobs = [job() for _ in range(JOBS)]
            began = time.perf_counter()
            for start in range(0, JOBS, size):
                ledger.accept(jobs[start : start + size])
            rates[f"jobs_{size}"] = round(JOBS / (time.perf_counter() - began))
    return rates


def by_depth() -> dict[str, dict[str, float]]:
    """Return what a job costs while so many others wait."""
    figures = {}
    with tempfile.TemporaryDirectory(prefix="tq-bench-") as folder, ExitStack() as stack:
        running = stack.enter_context(server(Path(folder)))
        ledger = Ledger(stack.enter_context(connect(running.url)), most_open=10**7, most_memory_percent=100)
        for depth in DEPTHS:
            while ledger.redis.zcard(keys.due("events")) < depth:
                ledger.accept([job({"event_name": "waits"}) for _ in range(500)])
            accepted = accepting(ledger, BLOCK * BLOCKS)
            figures[f"jobs_{depth}"] = {
                "accept_ms": median_ms(accepted),
                "claim_and_settle_ms": median_ms([ending(ledger) for _ in range(BLOCKS)]),
            }
    return figures


def ending(ledger: Ledger) -> float:
    """Return the seconds in which a batch is claimed and settled."""
    began = time.perf_counter()
    claims = ledger.claim("events", BATCH)
    ledger.settle([done(claim, EventResult(1)) for claim in claims])
    assert len(claims) == BATCH, f"{len(claims)} were claimed"
    return time.perf_counter() - began


def of_size(size: int, most: int) -> dict[str, float]:
    """Return what payloads of a size cost: accepted one by one, and made events by one worker process."""
    with stage() as on:
        answer_only(on)
        start_worker(on)
        warm_up(on)
        on.admin.pause("events")
        text = json.dumps(PAYLOAD)
        filling = {"syslog_message": lines(max(0, size - len(text)))}
        times = []
        for _ in range(most):
            name = {"event_name": f"of {size} bytes, number {next(numbers)}"}
            began = time.perf_counter()
            on.ledger.accept([Job("events.create", {"payload": PAYLOAD | filling | name}, producer="bench")])
            times.append(time.perf_counter() - began)
        pid = on.processes.running["worker"].pid
        before = cpu_s(pid)
        seconds = seconds_to_finish(on)
        check_account(on, most)
        return {
            "accept_ms": median_ms(times),
            "payloads_per_s": round(most / seconds, 1),
            "worker_cpu_ms": round((cpu_s(pid) - before) / most * 1000, 2),
        }


def lines(length: int) -> str:
    """Return so many characters of log lines, none of which is the one before."""
    made = (
        f"2026-11-27T10:00:00Z host-{next(numbers)} sshd: session opened for a user\n"
        for _ in range(length // 60 + 1)
    )
    return "".join(made)[:length]


def check_account(on: Stage, most: int) -> None:
    """Assert that all are done."""
    assert on.client.zcard(keys.DONE) == most + 1, "not every payload is done"
    assert on.client.zcard(keys.DEAD) == 0, "a payload died"
