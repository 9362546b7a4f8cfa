"""A job that does nothing in tq-workers and in other queues on Redis: how many a second, and how soon each is begun.

Jobs are enqueued one by one by one process. For the rate they wait until a worker starts, and count from the first to
the last that is begun; for the time until a start they come at a fixed rate (open loop). A Redis of its own for each.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from benchmarks.measuring import percentile_ms, until
from sandbox.launch.processes import ROOT, Processes
from sandbox.launch.redis_server import RedisServer

#: Jobs for the rate, and those of a queue whose workers fork for each job.
JOBS, FEW_JOBS = 5_000, 500

#: Jobs a second for the time until a start, and seconds of each.
RATES, SECONDS = (20, 300), 5

#: The environment of the peers, and what says that it is whole.
PEERS = ROOT / "var" / "peers"


class Peer(Struct, frozen=True):
    """A queue: the module that enqueues, and the command of its workers, which begins with a name in its bin folder."""

    module: str
    worker: tuple[str, ...]
    jobs: int = JOBS
    rates: tuple[int, ...] = RATES
    bin: Path = PEERS / "bin"


_CELERY = ("celery", "-A", "benchmarks.peers.celery_noop", "worker", "--without-gossip", "--without-mingle")
_HUEY = ("huey_consumer", "benchmarks.peers.huey_noop.huey", "-d", "0.001", "-m", "0.01")
_OURS = (
    *("celery", "-A", "benchmarks.noop_worker", "worker", "--without-gossip", "--without-mingle"),
    "-Q",
    "events",
)

PEERS_BY_NAME = {
    "tq_workers": Peer("ours_noop", (*_OURS, "-P", "threads", "-c", "8"), bin=Path(sys.executable).parent),
    "celery_threads": Peer("celery_noop", (*_CELERY, "-P", "threads", "-c", "8")),
    "celery_prefork": Peer("celery_noop", (*_CELERY, "-c", "2")),
    "dramatiq": Peer(
        "dramatiq_noop", ("dramatiq", "--processes", "2", "--threads", "8", "benchmarks.peers.dramatiq_noop")
    ),
    "taskiq": Peer(
        "taskiq_noop", ("taskiq", "worker", "--workers", "2", "benchmarks.peers.taskiq_noop:broker")
    ),
    "saq": Peer("saq_noop", ("saq", "--workers", "2", "benchmarks.peers.saq_noop.settings")),
    "streaq": Peer("streaq_noop", ("streaq", "run", "--workers", "2", "benchmarks.peers.streaq_noop:worker")),
    "arq": Peer("arq_noop", ("arq", "benchmarks.peers.arq_noop.WorkerSettings")),
    "huey_threads": Peer("huey_noop", (*_HUEY, "-w", "8")),
    "huey_processes": Peer("huey_noop", (*_HUEY, "-k", "process", "-w", "2")),
    "rq": Peer("rq_noop", ("rq", "worker-pool", "-n", "2", "--url", "{url}"), FEW_JOBS, RATES[:1]),
}


def run() -> dict[str, Any]:
    """Measure every peer."""
    install()
    figures: dict[str, Any] = {name: measure(peer) for name, peer in PEERS_BY_NAME.items()}
    best = max(
        (name for name in figures if name != "tq_workers"), key=lambda name: figures[name]["jobs_per_s"]
    )
    ours = figures["tq_workers"]["jobs_per_s"]
    return {"jobs": JOBS, **figures, "best": best, "times_best": round(ours / figures[best]["jobs_per_s"], 2)}


def install() -> None:
    """Make the environment of the peers, unless it is there as the lock says.

    Raises SystemExit where that cannot be done.
    """
    wanted, stamp = ROOT / "requirements-peers.lock", PEERS / "installed.lock"
    if stamp.exists() and stamp.read_text() == wanted.read_text():
        return
    pip = (PEERS / "bin/pip", "install", "--quiet", "--require-hashes", "-r", wanted)
    for command in ((sys.executable, "-m", "venv", PEERS), pip):
        if subprocess.run(command, check=False, timeout=600).returncode:
            raise SystemExit(f"the peers cannot be installed into {PEERS}; see above")
    stamp.write_text(wanted.read_text())


def measure(peer: Peer) -> dict[str, Any]:
    """Return the rate at which a queue begins jobs, and what each waits at fixed rates."""
    with arena() as (processes, starts):
        sent = enqueue(processes, peer, peer.jobs)
        start_workers(processes, peer)
        begun = begun_of(starts, sent["due_s"])
        figures: dict[str, Any] = {
            "enqueued_per_s": round(peer.jobs / sent["seconds"]),
            "jobs_per_s": round((peer.jobs - 1) / (max(begun.values()) - min(begun.values()))),
        }
        for number, rate in enumerate(peer.rates, start=1):
            sent = enqueue(processes, peer, rate * SECONDS, per_s=rate, first=number * 10**6)
            begun = begun_of(starts, sent["due_s"])
            waits = [begun[job] - due for job, due in sent["due_s"].items()]
            figures[f"start_{rate}_per_s"] = {
                "p50_ms": percentile_ms(waits, 50),
                "p99_ms": percentile_ms(waits, 99),
            }
        return figures


@contextmanager
def arena() -> Iterator[tuple[Processes, Path]]:
    """Yield what starts processes that share a Redis of their own, and the file of the starts."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tq-bench-")))
        server = RedisServer(folder / "redis").start()
        stack.callback(server.stop)
        starts = folder / "starts"
        starts.touch()
        environ = {"TQ_CONFIG": str(folder), "TQ_REDIS_URL": server.url, "NOOP_STARTS": str(starts)}
        yield stack.enter_context(Processes(folder / "logs", environ | {"PYTHONPATH": str(ROOT)})), starts


def start_workers(processes: Processes, peer: Peer) -> None:
    """Start the workers of a queue."""
    program, *arguments = (word.format(url=processes.environ["TQ_REDIS_URL"]) for word in peer.worker)
    processes.start("workers", peer.bin / program, *arguments)


def enqueue(
    processes: Processes, peer: Peer, count: int, *, per_s: float = 0, first: int = 0
) -> dict[str, Any]:
    """Enqueue jobs from a process of their own; return when each was due, and how many seconds that took."""
    module = f"benchmarks.peers.{peer.module}"
    command = (peer.bin / "python", "-m", "benchmarks.peers.send", module, str(count), str(per_s), str(first))
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=processes.environ, cwd=ROOT, timeout=600
    )
    if done.returncode:
        raise SystemExit(f"{peer.module} enqueues nothing:\n{done.stderr[-2000:]}")
    sent: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return sent


def begun_of(starts: Path, wanted: dict[str, float]) -> dict[str, float]:
    """Wait until all that is wanted was begun; return when each was, for the first time."""
    begun: dict[str, float] = {}

    def is_complete() -> bool:
        lines = (line.split() for line in starts.read_text().splitlines())
        begun.update({job: float(at_s) for job, at_s in lines if job in wanted and job not in begun})
        return len(begun) == len(wanted)

    # Looking more often would slow what is measured.
    until(is_complete, every_s=0.3)
    return begun
