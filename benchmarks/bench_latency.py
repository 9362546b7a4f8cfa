"""From HTTP to ThreatQ at fixed rates of arrival, and what that costs a worker; jobs that do nothing by themselves.

Open loop: a payload is sent when its time has come, whatever became of those before it, and each latency counts from
that time. One worker process; ThreatQ is one that only answers, after 10 ms.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import requests

from benchmarks.answering import TIMED
from benchmarks.bench_events import THREADS, payload, start_worker, warm_up
from benchmarks.bench_workers import answer_only
from benchmarks.load import drive, request
from benchmarks.measuring import Stage, cpu_s, percentile_ms, stage, until
from sandbox.launch.redis_server import free_port
from workers.core.jobs import Job
from workers.ledger import keys

#: Payloads a second over HTTP, jobs a second for the time until one is begun, and seconds of each.
RATES, START_RATES, SECONDS = (10, 100, 1_000), (20, 300), 5

#: Jobs that are accepted one by one before a worker works them off.
JOBS = 10_000

CONNECTIONS = 64

numbers = count(1)


def run() -> dict[str, Any]:
    """Measure all."""
    return {**end_to_end(), **without_work()}


def end_to_end() -> dict[str, Any]:
    """Return what a payload takes and costs at each rate, and what a worker costs that has nothing to do."""
    with serving() as (on, url, port):
        figures: dict[str, Any] = {f"events_{rate}_per_s": at_rate(on, url, port, rate) for rate in RATES}
        pid = on.processes.running["worker"].pid
        before = cpu_s(pid)
        time.sleep(2 * SECONDS)
        figures["idle_worker_percent"] = round((cpu_s(pid) - before) / (2 * SECONDS) * 100, 2)
        return figures


@contextmanager
def serving() -> Iterator[tuple[Stage, str, int]]:
    """Yield a stage with a warm worker, beat and HTTP, the address of its ThreatQ and the port of HTTP."""
    with stage() as on:
        url, port = answer_only(on), free_port()
        on.processes.environ |= {"TQ_HTTP_TOKENS": "bench:events:token-of-the-benchmark"}
        on.processes.environ |= {"TQ_HTTP_REQUESTS_PER_S": "100000"}
        on.processes.start("http", Path(sys.executable).with_name("tq-http-shim"), "--port", str(port))
        start_worker(on)
        on.processes.beat()
        warm_up(on)
        until(lambda: answers(port), within_s=30)
        drive(port, bodies(200), connections=CONNECTIONS, per_s=200)
        until(lambda: not on.client.zcard(keys.due("events")))
        yield on, url, port


def answers(port: int) -> bool:
    """Tell whether HTTP is served."""
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).ok
    except requests.ConnectionError:
        return False


def bodies(most: int) -> list[bytes]:
    """Return requests with a payload each that came in none before."""
    return [request("/v1/events", msgspec.json.encode(payload(next(numbers)))) for _ in range(most)]


def at_rate(on: Stage, url: str, port: int, per_s: int) -> dict[str, Any]:
    """Send payloads for some seconds; return the time of each until its event is in ThreatQ, and its cost."""
    first = next(numbers) + 1
    sent, pid = bodies(per_s * SECONDS), on.processes.running["worker"].pid
    calls, cpu = timed(url)["calls"], cpu_s(pid)
    load = drive(port, sent, connections=CONNECTIONS, per_s=per_s)
    until(lambda: not on.client.zcard(keys.due("events")))
    cpu, after = cpu_s(pid) - cpu, timed(url)
    assert load.statuses == {202: len(sent)}, load.statuses
    titles = [payload(first + place)["event_name"] for place in range(len(sent))]
    times = [after["made_s"][title] - load.began - place / per_s for place, title in enumerate(titles)]
    return {
        **percentiles(times),
        "worker_cpu_ms_per_payload": round(cpu / len(sent) * 1000, 3),
        "calls_per_payload": round((after["calls"] - calls) / len(sent), 2),
    }


def timed(url: str) -> dict[str, Any]:
    """Return how often ThreatQ was called, and when each event was made."""
    answer: dict[str, Any] = requests.get(url + TIMED, timeout=60).json()
    return answer


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Return the median and what one in a hundred exceeds, in ms."""
    return {"p50_ms": percentile_ms(seconds, 50), "p99_ms": percentile_ms(seconds, 99)}


def without_work() -> dict[str, Any]:
    """Return how long a job waits until it is begun, and how many that do nothing a worker ends in a second."""
    with stage() as on:
        file = on.processes.folder / "starts"
        on.processes.environ["NOOP_STARTS"] = str(file)
        options = ("worker", "-P", "threads", "-c", str(THREADS), "-Q", "events", "--without-gossip")
        module = (sys.executable, "-m", "celery", "-A", "benchmarks.noop_worker")
        on.processes.start("worker", *module, *options, "--without-mingle", "--loglevel", "INFO")
        log = on.processes.folder / "worker.log"
        on.processes.wait_until(lambda: " ready." in log.read_text(), "the worker")
        until_begun(on, file, 100)
        figures: dict[str, Any] = {f"start_{rate}_per_s": until_begun(on, file, rate) for rate in START_RATES}
        return {**figures, "noops_per_s": noops_per_s(on)}


def job() -> Job:
    """Return a small job that came in none before."""
    return Job("events.create", {"payload": {"event_name": f"noop {next(numbers)}"}}, producer="bench")


def until_begun(on: Stage, file: Path, per_s: int) -> dict[str, float]:
    """Accept jobs one by one for some seconds; return the time of each until it is begun."""
    began, intended = time.monotonic() + 0.1, {}
    for place in range(per_s * SECONDS):
        due = began + place / per_s
        time.sleep(max(0.0, due - time.monotonic()))
        intended[on.ledger.accept([job()])[0].id] = due
    until(lambda: not on.client.zcard(keys.due("events")))
    begun = dict(line.split() for line in file.read_text().splitlines())
    return percentiles([float(begun[job_id]) - due for job_id, due in intended.items()])


def noops_per_s(on: Stage) -> int:
    """Return jobs a second from the first to the last that a worker ends, accepted one by one before."""
    on.admin.pause("events")
    for _ in range(JOBS):
        on.ledger.accept([job()])
    until(lambda: not on.client.llen(keys.wake_ups("events")))
    on.admin.resume("events")
    on.ledger.wake("events")
    return round(JOBS / until(lambda: not on.client.zcard(keys.due("events"))))
