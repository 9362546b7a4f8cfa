"""The list sync against both simulators: first fill, nothing changed, 5 % changed, and a worker that is killed.

The bare transfer is the same pages and lists downloaded, and the same batches uploaded, by a loop that does nothing
with them. BENCH_SYNC_SIZES="10000 100000" measures less.
"""

from __future__ import annotations

import json
import math
import os
import time
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import Any

from msgspec import Struct, structs, to_builtins

from benchmarks.bare_sync import COLLECTION, QUERY, TYPES, Bare, uploads
from benchmarks.measuring import Stage, cpu_s, stage, until
from sandbox.launch.system import write_settings
from sandbox.logrhythm.tokens import mint
from sandbox.threatq.control import value_of
from workers.core.jobs import Job
from workers.ledger.sync_runs import progress_of
from workers.logrhythm.model import entries
from workers.settings import file as settings_file

SIZES = tuple(map(int, os.environ.get("BENCH_SYNC_SIZES", "10000 100000 1000000").split()))

#: Indicators that the naive way is measured on; more would only take longer.
NAIVE = 2_000

#: Times that everything is measured, since the speed of a machine in a cloud is not the same from minute to minute.
ROUNDS = 3

#: Worker processes, one for each core of the machine that the targets name.
WORKERS = 2

#: Seconds of a lease, so that a killed worker's job is taken up soon.
LEASE_S = 5


class Spent(Struct):
    """Seconds on the clock, and seconds of processor time of the client and both services.

    On a machine that others use too, the clock says how busy they are and the processor time what the work takes.
    """

    wall_s: float
    cpu_s: float


class Timed(Struct):
    """One run beside the bare transfer of the same."""

    bare: Spent
    ours: Spent
    calls: dict[str, int]

    def figures(self) -> dict[str, Any]:
        return {
            "bare_s": round(self.bare.wall_s, 2),
            "ours_s": round(self.ours.wall_s, 2),
            "times_bare": round(self.ours.wall_s / self.bare.wall_s, 2),
            "bare_cpu_s": round(self.bare.cpu_s, 2),
            "ours_cpu_s": round(self.ours.cpu_s, 2),
            "cpu_times_bare": round(self.ours.cpu_s / self.bare.cpu_s, 2),
        }


class Bench:
    """Both services with some indicators, and a worker."""

    def __init__(self, on: Stage, size: int, *, days: float = 0) -> None:
        self.on, self.size = on, size
        ready = json.loads((on.processes.folder.parent / "sandbox.json").read_text())
        self.by_hand = Bare(on.settings.threatq_url, ready["logrhythm"])
        self._configure()
        on.threatq("POST", "collections", {"name": COLLECTION, "query": QUERY})
        on.threatq("POST", "seed", {"indicators": size, "days": days})
        self.workers: dict[str, Popen[bytes]] = {}
        self.start_workers("worker")
        on.processes.beat()

    def _configure(self) -> None:
        settings = structs.replace(self.on.settings, logrhythm_url=self.by_hand.logrhythm)
        config = self.on.processes.folder.parent / "config"
        write_settings(config, settings)
        given = {name: line.text for name, line in settings_file.read(config / "tq.yaml").items()}
        mapping = f'---\n{COLLECTION}:\n  baseName: "T: "\n'
        more = {
            "logrhythm_url": self.by_hand.logrhythm,
            "logrhythm_token": mint(),
            "logrhythm_owner": "ThreatQ Sync",
        }
        more |= {
            "settings_from": "local",
            "sync_collections": mapping,
            "sync_method": "full",
            "lease_s": str(LEASE_S),
        }
        more |= {
            "sync_interval_s": "0",
            "sync_delete_max_percent": "30",
            "sync_dir": str(self.on.processes.folder.parent / "sync"),
        }
        settings_file.write(config / "tq.yaml", {**given, **more})

    def start_workers(self, name: str) -> None:
        """Start a worker process for each core."""
        for number in range(WORKERS):
            worker = f"{name}-{number}"
            self.workers[worker] = self.on.processes.worker(worker, "sync", "upkeep", threads=2)
            log = self.on.processes.folder / f"{worker}.log"
            self.on.processes.wait_until(partial(says_ready, log), "the worker")

    def kill_workers(self) -> None:
        """Kill all of them hard."""
        for name in self.workers:
            self.on.processes.kill(name)
        self.workers.clear()

    def calls(self) -> dict[str, int]:
        """Return how often each route of both services was called."""
        control = self.by_hand.http.get(f"{self.by_hand.logrhythm}/sandbox/calls", timeout=60).json()[
            "by_route"
        ]
        return {**control, **self.on.threatq("GET", "calls")["by_route"]}

    def sync(self, mode: str = "full") -> Spent:
        """Let the worker sync, from accept to done; with the mode "" it may be a delta."""
        workers = [worker.pid for worker in self.workers.values()]
        services = [self.on.processes.running["sandbox"].pid, *workers]
        before = sum(map(cpu_s, services))
        job_id = self.start(mode)
        wall_s = until(lambda: self.is_done(job_id), within_s=3_600)
        return Spent(wall_s, sum(map(cpu_s, services)) - before)

    def bare(self, act: Any, *arguments: Any) -> Spent:
        """Do something in this process and measure it."""
        services = (self.on.processes.running["sandbox"].pid, os.getpid())
        before = sum(map(cpu_s, services))
        wall_s = seconds(act, *arguments)
        return Spent(wall_s, sum(map(cpu_s, services)) - before)

    def start(self, mode: str = "full") -> str:
        arguments = {"collection": COLLECTION, "dry_run": False, "mode": mode}
        job = Job("lists.sync", arguments, producer="bench", key=str(time.time()))
        return self.on.ledger.accept([job])[0].id

    def is_done(self, job_id: str) -> bool:
        record = self.on.admin.record(job_id)
        assert record is not None
        assert record.state != "dead", record.result
        if record.state == "done":
            assert record.result["status"] == "done", record.result
        return record.state == "done"

    def timed(self, bare: Spent, mode: str = "full") -> Timed:
        """Sync once, and count the calls of it."""
        before = self.calls()
        ours = self.sync(mode)
        made = {route: count - before.get(route, 0) for route, count in self.calls().items()}
        return Timed(bare, ours, {route: count for route, count in made.items() if count})

    def between_downloads(self) -> Timed:
        """Sync once between two bare downloads and compare with their mean: a machine's speed changes meanwhile."""
        before = self.bare(self.by_hand.download)
        timed = self.timed(before)
        after = self.bare(self.by_hand.download)
        mean = Spent((before.wall_s + after.wall_s) / 2, (before.cpu_s + after.cpu_s) / 2)
        return structs.replace(timed, bare=mean)

    def peak_mb(self) -> float:
        """Return the highest resident memory of any worker."""
        found = []
        for worker in self.workers.values():
            lines = Path(f"/proc/{worker.pid}/status").read_text().splitlines()
            found.append(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")))
        return round(max(found) / 1024, 1)

    def expected(self, *, changed: bool) -> dict[str, int]:
        """Return how many entries each list must hold."""
        names = list(TYPES)
        numbers = range(self.size + (self.size // 20 if changed else 0))
        kept = (
            number for number in numbers if not (changed and number < self.size and (number + 1) % 20 == 0)
        )
        counts = dict.fromkeys((f"T: {name}" for name in names), 0)
        for number in kept:
            counts[f"T: {names[number % 5]}"] += 1
        return counts

    def check(self, *, changed: bool) -> None:
        """Assert that every list holds as many entries as it must."""
        found = self.by_hand.api("GET", "/lists/", headers={"pageSize": "1000"}).json()
        counts = {item["name"]: item["entryCount"] for item in found if item["name"].startswith("T: ")}
        assert counts == self.expected(changed=changed), counts


def says_ready(log: Path) -> bool:
    """Tell whether a worker has written that it takes jobs."""
    return " ready." in log.read_text()


def seconds(act: Any, *arguments: Any) -> float:
    """Return how long a call takes."""
    began = time.perf_counter()
    act(*arguments)
    return time.perf_counter() - began


def run() -> dict[str, Any]:
    """Measure every size, and the naive way in the same run."""
    figures: dict[str, Any] = {str(size): middle([measure(size) for _ in range(ROUNDS)]) for size in SIZES}
    return {
        **figures,
        "naive": naive(max(SIZES)),
        "rounds": ROUNDS,
    }


def middle(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Return of each figure the round with the middle ratio and every ratio, and of the rest the worst."""
    timed = {
        name: middle_of([measured[name] for measured in rounds])
        for name in ("first_fill", "unchanged", "changed")
    }
    killed = max((measured["killed"] for measured in rounds), key=lambda figures: figures["percent"])
    return {
        **timed,
        "killed": killed,
        "worker_peak_mb": max(measured["worker_peak_mb"] for measured in rounds),
    }


def middle_of(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    ordered = sorted(rounds, key=lambda figures: figures["times_bare"])
    return {**ordered[len(ordered) // 2], "each_round": [figures["times_bare"] for figures in ordered]}


def measure(size: int) -> dict[str, Any]:
    """Measure one size with services of its own."""
    with stage() as on:
        bench = Bench(on, size)
        first = first_fill(bench)
        same = bench.between_downloads()
        bench.check(changed=False)
        peak = bench.peak_mb()
        killed = killed_run(bench, first)
        changed = five_percent(bench)
        return {
            "first_fill": {**first.figures(), "write_calls": writes(first.calls)},
            "unchanged": {**same.figures(), "write_calls": writes(same.calls)},
            "changed": changed,
            "killed": killed,
            "worker_peak_mb": peak,
        }


def first_fill(bench: Bench) -> Timed:
    bodies = uploads(bench.size)
    with bench.by_hand.scratch_lists() as guids:
        pages, calls = bench.bare(bench.by_hand.download), bench.bare(bench.by_hand.upload, bodies, guids)
    first = bench.timed(Spent(pages.wall_s + calls.wall_s, pages.cpu_s + calls.cpu_s))
    bench.check(changed=False)
    return first


def five_percent(bench: Bench) -> dict[str, Any]:
    """Let 5 % leave the collection and as many come."""
    bench.on.threatq("POST", "expire", {"every": 20})
    bench.on.threatq("POST", "seed", {"indicators": bench.size // 20, "start": bench.size})
    changed = bench.between_downloads()
    bench.check(changed=True)
    added = bench.size // 20 // len(TYPES)
    # Every twentieth indicator is of the last type.
    changes = [added] * (len(TYPES) - 1) + [added + bench.size // 20]
    most = sum(math.ceil(count / 1000) + 2 for count in changes)
    return {**changed.figures(), "write_calls": writes(changed.calls), "most_write_calls": most}


def killed_run(bench: Bench, first: Timed) -> dict[str, Any]:
    """Fill the lists once more and kill the worker in the middle of the writes."""
    bench.by_hand.forget(bench.by_hand.lists().values())
    before = bench.calls()
    job_id = bench.start()
    half = bench.size // 1000 // 2
    written = "POST /lists/{id}/items/"
    until(lambda: bench.calls().get(written, 0) - before.get(written, 0) >= half, within_s=3_600)
    bench.kill_workers()
    bench.start_workers("another")
    until(lambda: bench.is_done(job_id), within_s=3_600)
    made = {route: count - before.get(route, 0) for route, count in bench.calls().items()}
    bench.check(changed=False)
    ours = {
        route: made.get(route, 0) - count for route, count in first.calls.items() if "/token" not in route
    }
    repeated = sum(max(count, 0) for count in ours.values())
    total = sum(first.calls.values())
    steps = progress_of(bench.on.ledger.redis, job_id)
    assert all(step.stage in ("done", "gather") for step in steps.values()), steps
    return {"repeated_calls": repeated, "of": total, "percent": round(100 * repeated / total, 2)}


def writes(calls: dict[str, int]) -> int:
    """Return how many calls changed a list."""
    return sum(count for route, count in calls.items() if "/lists/" in route and not route.startswith("GET"))


def naive(size: int) -> dict[str, Any]:
    """Look the list up and put one item into it, for each indicator, as the open-source connector does."""
    with stage() as on:
        bench = Bench(on, NAIVE)
        with bench.by_hand.scratch_lists() as guids:
            taken = seconds(pairs, bench, guids["SHA-256"])
    a_million = taken / NAIVE * size
    return {
        "indicators": NAIVE,
        "seconds": round(taken, 2),
        "calls": 2 * NAIVE,
        f"extrapolated_to_{size}_s": round(a_million),
    }


def pairs(bench: Bench, guid: str) -> None:
    for number in range(NAIVE):
        bench.by_hand.api("GET", "/lists/", headers={"name": "scratch SHA-256"})
        body = to_builtins(entries("GeneralValue", [value_of("SHA-256", number)]))
        bench.by_hand.api("POST", f"/lists/{guid}/items/", json=body)
