"""The crash test: 900 jobs, the worker's process group killed hard 20 times; ours beside plain Celery."""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import Any

from benchmarks.measuring import Stage, stage, until
from chaos.run import SCENARIOS, play
from chaos.scenario import LONG

JOBS, KILLS, SEED = LONG.jobs, LONG.kills, 1

#: Seconds without any progress after which plain Celery is taken to have ended.
QUIET_S = 30


def run() -> dict[str, Any]:
    """Run both."""
    account = play(SCENARIOS["worker-killed"], SEED, LONG)
    ours = {
        "jobs": account.accepted,
        "done": account.done,
        "dead": account.dead,
        "lost": account.lost,
        "doubled": account.doubled,
        "seconds": account.seconds,
    }
    return {"kills": KILLS, "ours": ours, "plain_celery_acks_late": plain_celery()}


def plain_celery() -> dict[str, Any]:
    """Kill a plain Celery worker after every so many completions and count what was run in the end."""
    with stage() as on:
        module = (sys.executable, "-m")
        on.processes.start("preload", *module, "benchmarks.celery_crash", str(JOBS))
        until(lambda: on.client.llen("crash") == JOBS)
        on.processes.running.pop("preload").wait(timeout=30)
        began = time.perf_counter()
        for turn in range(1, KILLS + 1):
            start_worker(on)
            until(partial(has_completed, on, turn * (JOBS // KILLS) - 20))
            on.processes.kill("crash")
        start_worker(on)
        seconds = wait_for_silence(on) - began
        done, runs = on.client.hlen("crash-done"), sum(map(int, on.client.hvals("crash-done")))
        still = on.client.llen("crash") + on.client.hlen("unacked")
        return {
            "jobs": JOBS,
            "done": done,
            "lost": JOBS - done - still,
            "still_queued": still,
            "extra_runs": runs - done,
            "seconds": round(seconds, 1),
        }


def has_completed(on: Stage, jobs: int) -> bool:
    """Tell whether so many jobs at least have been completed."""
    return on.client.hlen("crash-done") >= jobs


def start_worker(on: Stage) -> None:
    """Start the worker as a fresh process group."""
    options = ("-P", "prefork", "-c", "2", "--without-gossip", "--without-mingle", "-Q", "crash")
    on.processes.start(
        "crash", sys.executable, "-m", "celery", "-A", "benchmarks.celery_crash", "worker", *options
    )


def wait_for_silence(on: Stage) -> float:
    """Return the time of the last completion, once all are done or nothing has happened for a while."""
    last, count = time.perf_counter(), on.client.hlen("crash-done")
    while count < JOBS and time.perf_counter() - last < QUIET_S:
        time.sleep(0.1)
        if (now := on.client.hlen("crash-done")) != count:
            last, count = time.perf_counter(), now
    return last
