"""What every benchmark shares: a machine line, medians, and a system to measure."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis
import requests
from msgspec import Struct

from sandbox.launch.processes import Processes
from sandbox.launch.redis_server import RedisServer, age
from sandbox.launch.system import enable_connector, start_threatq, write_settings
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect
from workers.ledger.ledger import Ledger
from workers.settings.model import Settings


class Stage(Struct, frozen=True):
    """Redis and a simulated ThreatQ, with nothing else running yet."""

    settings: Settings
    processes: Processes
    client: redis.Redis
    ledger: Ledger
    admin: LedgerAdmin

    def threatq(self, verb: str, path: str, body: Any = None) -> Any:
        """Pull a lever of the simulated ThreatQ."""
        answer = requests.request(verb, f"{self.settings.threatq_url}/sandbox/{path}", json=body, timeout=600)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def stage(*, latency_ms: float = 0) -> Iterator[Stage]:
    """Yield a stage whose ThreatQ answers after `latency_ms` at least."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tq-bench-")))
        server = RedisServer(folder / "redis").start()
        stack.callback(server.stop)
        config = folder / "config"
        environ = {"TQ_CONFIG": str(config), "TQ_REDIS_URL": server.url}
        processes = stack.enter_context(Processes(folder / "logs", environ))
        settings = start_threatq(processes, folder, Settings(redis_url=server.url), 0)
        write_settings(config, settings)
        enable_connector(settings)
        client = redis.Redis.from_url(server.url)
        stack.callback(client.close)
        ours = stack.enter_context(connect(server.url))
        age(ours)
        on = Stage(settings, processes, client, Ledger(ours), LedgerAdmin(ours))
        if latency_ms:
            on.threatq("POST", "faults", {"kind": "latency", "ms": latency_ms})
        yield on


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Keep this process on one core, and so whatever it starts meanwhile, where the machine has more than one."""
    if not hasattr(os, "sched_setaffinity") or (os.cpu_count() or 1) < 2:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def until(condition: Callable[[], Any], *, within_s: float = 300, every_s: float = 0.01) -> float:
    """Return how many seconds passed until `condition` was true."""
    began = time.perf_counter()
    while not condition():
        if time.perf_counter() - began > within_s:
            raise SystemExit(f"not within {within_s} s: {condition}")
        time.sleep(every_s)
    return time.perf_counter() - began


def median_ms(seconds: list[float]) -> float:
    """Return the median in ms."""
    return round(statistics.median(seconds) * 1000, 3)


def percentile_ms(seconds: list[float], percent: float) -> float:
    """Return the time in ms below which `percent` of these lie."""
    ordered = sorted(seconds)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] * 1000, 2)


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return round(kilobytes / 1024, 1)


def cpu_s(pid: int) -> float:
    """Return the processor time in s that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
