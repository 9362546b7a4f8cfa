"""The list sync on several hosts, what a run asks of Redis, and five million indicators once.

A host is a worker process with one thread and a folder of its own. BENCH_SYNC_HOSTS_SIZES="100000" measures less than a
million and five millions; BENCH_SYNC_HOSTS_SIZES="" measures the hosts alone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.bare_sync import QUERY
from benchmarks.bench_sync import Bench, says_ready
from benchmarks.measuring import stage, until
from sandbox.launch.system import write_settings
from workers.core.jobs import Job
from workers.ledger import sync_keys
from workers.ledger.sync_owners import owner_of
from workers.settings import file as settings_file

SIZES = tuple(map(int, os.environ.get("BENCH_SYNC_HOSTS_SIZES", "1000000 5000000").split()))

#: Data collections that are synced side by side, their indicators, and how long ThreatQ takes for a page.
COLLECTIONS, INDICATORS, PAGE_MS = ("A", "B", "C"), 50_000, 200

PAGES = INDICATORS // 1_000
QUERY_ROUTE = "POST /api/indicators/query"

#: Seconds in which a run of the largest size must be over.
WITHIN_S = 1_200

#: Seconds for which Redis is watched at rest, and between two looks at whether a run has ended.
IDLE_S, EVERY_S = 5.0, 0.5


class Hosts(Bench):
    """Both services with three data collections, and as many hosts as there shall be; none is there yet."""

    def start_workers(self, name: str) -> None:
        """Start no worker: the hosts are."""

    def start_hosts(self, count: int) -> None:
        folder = self.on.processes.folder.parent
        for number in range(count):
            self.on.processes.environ["TQ_SYNC_DIR"] = str(folder / f"host-{number}")
            self.on.processes.worker(f"host-{number}", "sync", "upkeep", threads=1)
        for number in range(count):
            log = self.on.processes.folder / f"host-{number}.log"
            self.on.processes.wait_until(partial(says_ready, log), "the worker")

    def sync_all(self) -> list[str]:
        """Sync every collection; return the jobs."""
        jobs = [
            Job("lists.sync", {"collection": name}, producer="bench", key=f"{name} {time.time()}")
            for name in COLLECTIONS
        ]
        return [accepted.id for accepted in self.on.ledger.accept(jobs)]

    def pages(self) -> int:
        return self.calls().get(QUERY_ROUTE, 0)


def run() -> dict[str, Any]:
    """Measure one and three hosts, a host that is killed, and a run of each size."""
    one, three = side_by_side(1), side_by_side(3)
    return {
        "collections": len(COLLECTIONS),
        "indicators": INDICATORS,
        "page_ms": PAGE_MS,
        "host_1": one,
        "hosts_3": three,
        "of_one_host": round(three["seconds"] / one["seconds"], 2),
        "killed": killed(),
        **{f"size_{size}": measured(size) for size in SIZES},
    }


def prepared(on: Any) -> Hosts:
    """Return three data collections of the same indicators, with base names of their own."""
    bench = Hosts(on, INDICATORS)
    config = on.processes.folder.parent / "config"
    given = {name: line.text for name, line in settings_file.read(config / "tq.yaml").items()}
    mapping = "---\n" + "".join(f'{name}:\n  baseName: "{name}: "\n' for name in COLLECTIONS)
    write_settings(config, on.settings)
    settings_file.write(config / "tq.yaml", {**given, "sync_collections": mapping})
    for name in COLLECTIONS:
        on.threatq("POST", "collections", {"name": name, "query": QUERY})
    on.threatq("POST", "faults", {"kind": "latency", "path": "/api/indicators/query", "ms": PAGE_MS})
    return bench


def side_by_side(hosts: int) -> dict[str, Any]:
    """Sync three data collections with so many hosts."""
    with stage() as on:
        bench = prepared(on)
        bench.start_hosts(hosts)
        jobs = bench.sync_all()
        seconds = until(lambda: all(map(bench.is_done, jobs)), within_s=WITHIN_S)
        return {
            "seconds": round(seconds, 1),
            "pages": bench.pages(),
            "pages_needed": PAGES * len(COLLECTIONS),
        }


def killed() -> dict[str, Any]:
    """Kill the host that has a run once everything has been read, and let the other one end it."""
    with stage() as on:
        bench = prepared(on)
        bench.start_hosts(2)
        job = Job("lists.sync", {"collection": "A"}, producer="bench", key=str(time.time()))
        (accepted,) = on.ledger.accept([job])
        until(lambda: bench.pages() >= PAGES and on.ledger.redis.exists(sync_keys.state(accepted.id)))
        owner = owner_of(on.ledger.redis, accepted.id)
        assert owner
        on.processes.kill(owner.host.rpartition("/")[2])
        seconds = until(partial(bench.is_done, accepted.id), within_s=WITHIN_S)
        return {"seconds_after": round(seconds, 1), "pages": bench.pages(), "pages_needed": PAGES}


def measured(size: int) -> dict[str, Any]:
    """Fill the lists with so many indicators; of the smallest size let a tenth go then."""
    with stage() as on:
        bench = Bench(on, size)
        filled = bench.sync()
        figures = {"first_fill_s": round(filled.wall_s, 1), "first_fill_cpu_s": round(filled.cpu_s, 1)}
        if size == min(SIZES):
            on.threatq("POST", "expire", {"every": 10})
            figures |= of_redis(bench)
        return {**figures, "worker_peak_mb": bench.peak_mb()}


def of_redis(bench: Bench) -> dict[str, Any]:
    """Sync once and count what Redis was asked, without what upkeep and beat ask of it all the time."""
    idle = _counted(bench, lambda: time.sleep(IDLE_S))
    began = time.perf_counter()
    used = _counted(bench, lambda: _wait(bench, bench.start()))
    seconds = time.perf_counter() - began
    commands, sent, taken = (
        count - at_rest * seconds / IDLE_S for count, at_rest in zip(used, idle, strict=True)
    )
    return {
        "tenth_gone_s": round(seconds, 1),
        "redis_commands": round(commands),
        "from_redis_mb": round(sent / 1e6, 1),
        "to_redis_mb": round(taken / 1e6, 1),
    }


def _wait(bench: Bench, job_id: str) -> None:
    while not bench.is_done(job_id):
        time.sleep(EVERY_S)


def _counted(bench: Bench, act: Callable[[], object]) -> list[int]:
    """Return how many commands Redis has carried out meanwhile, and the bytes that it sent and took."""
    names = ("total_commands_processed", "total_net_output_bytes", "total_net_input_bytes")
    before = bench.on.client.info("stats")
    act()
    after = bench.on.client.info("stats")
    return [int(after[name]) - int(before[name]) for name in names]
