"""How long an operator waits for what is going on while the ledger is full: `tqctl status`, `check` and their like."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import redis

from benchmarks.bench_events import start_worker
from benchmarks.measuring import Stage, stage
from workers.ledger import keys

#: Jobs of each state in the ledger; `TQ_BENCH_STATUS` is the share of them that is filled in, for a quick look.
SHARE = float(os.environ.get("TQ_BENCH_STATUS", "1"))
OPEN, DONE, DEAD = (int(count * SHARE) for count in (1_000_000, 1_000_000, 100_000))

#: Jobs that are written in one round trip, and times that each command is run.
AT_ONCE, TIMES = 2_000, 5

#: Milliseconds after which a job of the fill is due: no worker shall take one while it is looked at.
LATER_MS = 86_400_000

#: What is measured, as it is typed.
COMMANDS = {
    "status": ("status",),
    "status_without_workers": ("status", "--no-workers"),
    "check_of_workers": ("check", "--only", "workers"),
    "check": ("check",),
    "capacity": ("capacity",),
    "dead_list": ("dead", "list"),
    "dead_list_page_1000": ("dead", "list", "--page", "1000"),
    "jobs_list": ("jobs", "list"),
    "jobs_find_by_id": ("jobs", "find", "{id}"),
    "jobs_find_20000": ("jobs", "find", "nowhere"),
}

TQCTL = Path(sys.executable).parent / "tqctl"


def run() -> dict[str, Any]:
    """Fill a Redis with cheap records, start a worker and beat, and time each command from its start to its end."""
    with stage() as on:
        began = time.perf_counter()
        fill(on.client)
        filled_s = time.perf_counter() - began
        start_worker(on)
        on.processes.beat()
        oldest = job_id("done", 0)
        took = {
            name: seconds(on, [word.format(id=oldest) for word in words]) for name, words in COMMANDS.items()
        }
        return {
            "open": OPEN,
            "done": DONE,
            "dead": DEAD,
            "redis_mb": round(on.client.info("memory")["used_memory"] / 1e6),
            "filled_s": round(filled_s, 1),
            "load": round(os.getloadavg()[0], 1),
            "version": seconds(on, ["--version"]),
            **took,
        }


def seconds(on: Stage, words: Sequence[str]) -> dict[str, float]:
    """Return the medians of a command: seconds until it ends, and of those, seconds of processor time of its own."""
    times, own = [], []
    for _ in range(TIMES):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(
            [TQCTL, *words], env=os.environ | on.processes.environ, stdout=subprocess.DEVNULL, check=False
        )
        times.append(time.perf_counter() - began)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        own.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {"s": round(statistics.median(times), 3), "cpu_s": round(statistics.median(own), 3)}


def fill(client: redis.Redis) -> None:
    """Write the jobs as the ledger's scripts would have left them, with a small record each."""
    now = int(time.time() * 1000)
    head = f"{now}\nevents.create\nevents\nbench\n\nan event\n".encode()
    body = zlib.compress(b"{}")
    for name, count, index, score in (
        ("open", OPEN, keys.due("events"), now + LATER_MS),
        ("done", DONE, keys.DONE, now),
        ("dead", DEAD, keys.DEAD, now),
    ):
        ids = (job_id(name, number) for number in range(count))
        while page := list(islice(ids, AT_ONCE)):
            pipe = client.pipeline(transaction=False)
            pipe.mset({keys.job(key): head + body for key in page})
            pipe.zadd(index, {key: score + at for at, key in enumerate(page)})
            for key in page if name != "open" else ():
                pipe.hset(keys.progress(key), mapping=_progress(name, now))
            pipe.execute()


def _progress(state: str, now: int) -> dict[Any, str]:
    note = '{"reason":"refused"}' if state == "dead" else '{"event_id":1}'
    return {"state": state, "attempts": "1", "history": f"{now} {state} {note}\n"}


def job_id(name: str, number: int) -> str:
    """Return the id of a job of the fill, spread over all ids as real ones are."""
    return f"{number * 2_654_435_761 % 2**32:08x}{name.encode().hex()}{number:08x}"
