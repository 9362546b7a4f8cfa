"""The Smart Response commands: from process start to accepted, and to the analyst's answer with an idle worker."""

from __future__ import annotations

import compileall
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.measuring import Stage, stage
from sandbox.launch.processes import ROOT
from sandbox.launch.tls import tls_front
from workers.ledger.functions import look_after_functions

#: Runs of each kind, which take turns, so that a busy machine slows all of them.
RUNS = 40

#: Lookups whose whole round trip is measured.
LOOKUPS = 60

#: What ThreatQ takes for one answer.
LATENCY_MS = 10

#: ThreatQ calls of one lookup.
CALLS = 1

LOOKUP = str(Path(sys.executable).with_name("tq-lookup"))

#: The same command by the shortest way that Python has.
DIRECT = (sys.executable, "-I", "-S", str(ROOT / "producers" / "smart_response" / "start.py"), "tq-lookup")

#: The compiled command.
SOURCE = ROOT / "producers" / "smart_response" / "compiled" / "stub.c"


def run() -> dict[str, Any]:
    """Measure and return the medians, their ratios to bare Python, and the round trip's percentiles."""
    # As an installation by pip would have done; a checkout compiles at the first run, unless it may not.
    for package in ("producers", "workers"):
        compileall.compile_dir(ROOT / package, quiet=2)
    with stage(latency_ms=LATENCY_MS) as on:
        return {**_accepts(on), **_round_trips(on)}


def _accepts(on: Stage) -> dict[str, Any]:
    with tls_front(
        on.processes.folder, int(on.settings.redis_url.rpartition(":")[2].partition("/")[0])
    ) as front:
        port, authority = front
        secured = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={authority}"
        # As a worker of the queue upkeep does where there is one.
        look_after_functions(on.ledger.redis, on.settings)
        ways = _ways(on.processes.folder)
        times = defaultdict[str, list[float]](list)
        for number in range(RUNS):
            times["python_pass_ms"].append(timed(on, sys.executable, "-c", "pass"))
            times["python_isolated_ms"].append(timed(on, sys.executable, "-I", "-S", "-c", "pass"))
            for way, command in ways.items():
                for wire, url in (("tcp", ""), ("tls", secured)):
                    asked = (*command, "FQDN", f"{way}{wire}{number}.example", "--no-wait")
                    times[f"{way}_{wire}_ms"].append(timed(on, *asked, url=url))
    accepted = on.admin.open_jobs()["enrichment"]
    assert accepted == 2 * len(ways) * RUNS, f"{accepted} of {2 * len(ways) * RUNS} jobs were accepted"
    medians = {kind: statistics.median(found) for kind, found in times.items()}
    return {
        **{kind: round(found, 1) for kind, found in medians.items()},
        "ratio_tcp": round(medians["stub_tcp_ms"] / medians["python_pass_ms"], 2),
        "ratio_tls": round(medians["stub_tls_ms"] / medians["python_pass_ms"], 2),
    }


def _ways(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return each way to start the command; the compiled one where there is a compiler."""
    ways: dict[str, tuple[str, ...]] = {"stub": (LOOKUP,), "direct": DIRECT}
    if compiler := shutil.which("cc"):
        program = folder / "tq-lookup"
        subprocess.run(
            [compiler, "-std=c11", "-D_GNU_SOURCE", "-O2", SOURCE, "-ldl", "-o", program], check=True
        )
        program.with_name("tq-stub.txt").write_text(f"{DIRECT[0]}\n{DIRECT[3]}\n")
        ways["compiled"] = (str(program),)
    return ways


def _round_trips(on: Stage) -> dict[str, Any]:
    on.processes.worker("worker", "enrichment")
    log = on.processes.folder / "worker.log"
    on.processes.wait_until(lambda: " ready." in log.read_text(), "the worker")
    # The first one brings the token and the names of ThreatQ's types, and works off what waits.
    timed(on, LOOKUP, "FQDN", "first.example")
    times = sorted(
        timed(on, LOOKUP, "FQDN", f"round{number}.example") - CALLS * LATENCY_MS for number in range(LOOKUPS)
    )
    return {
        "round_trip_above_threatq_p50_ms": round(statistics.median(times), 1),
        "round_trip_above_threatq_p95_ms": round(times[int(0.95 * len(times))], 1),
    }


def timed(on: Stage, *command: str, url: str = "") -> float:
    """Return the milliseconds of one run, which must succeed."""
    environ = {**os.environ, **on.processes.environ, "XDG_CONFIG_HOME": str(on.processes.folder)}
    environ.update({"TQ_REDIS_URL": url} if url else {})
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environ) as process:
        bound = threading.Timer(60, process.kill)
        bound.start()
        # A wait with a timeout looks only after 16, 32, 64 ms …, and every figure would be one of these.
        code = process.wait()
        took_ms = (time.perf_counter() - began) * 1000
        bound.cancel()
    assert code == 0, f"{command} ended with {code}"
    return took_ms
