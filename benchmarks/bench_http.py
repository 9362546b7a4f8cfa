"""The HTTP entry point against a bare Starlette app, and against the same with Celery's send_task, in one run."""

from __future__ import annotations

import json
import socket
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.load import Load, drive, request
from benchmarks.measuring import pinned, until
from sandbox.launch.demo import EXAMPLE
from sandbox.launch.processes import Processes
from sandbox.launch.redis_server import RedisServer, free_port
from workers.ledger.admin import LedgerAdmin
from workers.ledger.client import RedisClient
from workers.ledger.connection import connect

ROUNDS, REQUESTS, CELERY_REQUESTS, CONNECTIONS = 5, 4_000, 600, 32

#: Requests with this many lines each, over this many connections.
LINES, BATCHES, BATCH_CONNECTIONS = 100, 150, 8

TEXT = json.dumps(json.loads(EXAMPLE.read_text()) | {"event_name": "@name@"})
numbers = count()


def payload() -> bytes:
    """Return the guide's payload with a name of its own."""
    return TEXT.replace("@name@", f"AWS User Add Detection {next(numbers)}").encode()


def single(path: str = "/v1/events", most: int = REQUESTS) -> list[bytes]:
    """Return requests with one payload each."""
    return [request(path, payload()) for _ in range(most)]


def run() -> dict[str, Any]:
    """Measure all in turns, round by round, so that a busy machine slows them alike."""
    with tempfile.TemporaryDirectory(prefix="tq-bench-") as name, servers(Path(name)) as (shim, bare, client):
        for port in (shim, bare):
            drive(port, single(most=1_000), connections=CONNECTIONS)
        rates = measure(shim, bare, client)
        half = paced(shim, bare, rates)
        expected = sum(rates.pop("accepted")) + 1_000 + half.pop("accepted")
        assert LedgerAdmin(client).open_jobs()["events"] == expected, "an accepted payload is missing"
        return {**rates, **half, "lost": 0}


def measure(shim: int, bare: int, client: RedisClient) -> dict[str, Any]:
    """Return rates and ratios; a ratio is the median of those of the rounds."""
    ours, bares, lines, celeries = [], [], [], []
    for _ in range(ROUNDS):
        bares.append(drive(bare, single(), connections=CONNECTIONS))
        ours.append(drive(shim, single(), connections=CONNECTIONS))
        batches = [request("/v1/events", b"\n".join(payload() for _ in range(LINES))) for _ in range(BATCHES)]
        lines.append(drive(shim, batches, connections=BATCH_CONNECTIONS))
        celeries.append(drive(bare, single("/celery", CELERY_REQUESTS), connections=CONNECTIONS))
        client.delete("bare", "bare-celery")
    for load in (*ours, *bares, *lines, *celeries):
        assert set(load.statuses) == {202}, load.statuses
    return {
        "bare_per_s": rate(bares),
        "shim_per_s": rate(ours),
        "celery_per_s": rate(celeries),
        "lines_payloads_per_s": round(rate(lines) * LINES),
        "shim_of_bare": ratio(ours, bares),
        "shim_times_celery": ratio(ours, celeries),
        "lines_times_single": ratio(lines, ours, each=LINES),
        "p99_ms_at_full_rate": {"shim": worst(ours), "bare": worst(bares)},
        "accepted": [ROUNDS * REQUESTS, ROUNDS * BATCHES * LINES],
    }


def paced(shim: int, bare: int, rates: dict[str, Any]) -> dict[str, Any]:
    """Return p99 at half of the shim's highest rate, for both."""
    per_s = rates["shim_per_s"] / 2
    found = {}
    for name, port in (("bare", bare), ("shim", shim)):
        loads = [drive(port, single(), connections=CONNECTIONS, per_s=per_s) for _ in range(3)]
        found[name] = statistics.median(load.percentile_ms(99) for load in loads)
    return {
        "half_rate_per_s": round(per_s),
        "p99_ms_at_half_rate": found,
        "p99_times_bare": round(found["shim"] / found["bare"], 2),
        "accepted": 3 * REQUESTS,
    }


def rate(loads: list[Load]) -> int:
    """Return the median rate."""
    return round(statistics.median(load.per_s for load in loads))


def ratio(one: list[Load], other: list[Load], *, each: int = 1) -> float:
    """Return the median of the ratios of the rounds, where a request of `one` holds so many payloads."""
    return round(statistics.median(each * a.per_s / b.per_s for a, b in zip(one, other, strict=True)), 2)


def worst(loads: list[Load]) -> float:
    """Return the median p99 in ms."""
    return statistics.median(load.percentile_ms(99) for load in loads)


@contextmanager
def servers(folder: Path) -> Iterator[tuple[int, int, RedisClient]]:
    """Yield the ports of the shim and of the bare app, each on core 0, and a client of their Redis."""
    with ExitStack() as stack:
        # The load and Redis share the other core.
        stack.enter_context(pinned(1))
        server = RedisServer(folder / "redis").start()
        stack.callback(server.stop)
        environ = {
            "TQ_CONFIG": str(folder),
            "TQ_REDIS_URL": server.url,
            "TQ_HTTP_TOKENS": "bench:events:token-of-the-benchmark",
            "TQ_MAX_OPEN_JOBS": "10000000",
            "TQ_HTTP_REQUESTS_PER_S": "1000000",
        }
        processes = stack.enter_context(Processes(folder / "logs", environ))
        client = stack.enter_context(connect(server.url))
        ports = free_port(), free_port()
        with pinned(0):
            start(processes, *ports)
        until(lambda: all(listening(port) for port in ports), within_s=30)
        yield *ports, client


def start(processes: Processes, shim: int, bare: int) -> None:
    """Start the shim and the bare app on their ports."""
    here = Path(sys.executable).parent
    options = ("--no-access-log", "--log-level", "warning", "--timeout-keep-alive", "310")
    processes.start("shim", here / "tq-http-shim", "--port", str(shim))
    processes.start("bare", here / "uvicorn", "benchmarks.bare_app:app", "--port", str(bare), *options)


def listening(port: int) -> bool:
    """Tell whether something accepts connections on this port."""
    with socket.socket() as link:
        return link.connect_ex(("127.0.0.1", port)) == 0
