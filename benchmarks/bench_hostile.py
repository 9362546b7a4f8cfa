"""An honest sender at the HTTP entry point while 5,000 hostile connections do what they can without a token."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests
from msgspec import Struct

from benchmarks.bench_http import payload
from benchmarks.load import Load, request
from benchmarks.measuring import cpu_s, pinned, resident_mb, until
from sandbox.launch.processes import Processes
from sandbox.launch.redis_server import RedisServer, free_port

CONNECTIONS = 5_000

#: Seconds for which each kind attacks, requests a second of the honest sender, and its connections.
SECONDS, PER_S, KEPT = 12.0, 60.0, 8

#: One request in so many goes over a connection of its own.
FRESH_EVERY = 3

#: Seconds after which a request has failed.
FAILED_S = 10.0

TOKEN = "token-of-the-benchmark"


class AttackedShim(Struct, frozen=True):
    """The HTTP entry point as a process."""

    processes: Processes
    port: int

    def metrics(self) -> str:
        """Return its metrics."""
        url = f"http://127.0.0.1:{self.port}/metrics"
        return requests.get(url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=15).text


def run() -> dict[str, Any]:
    """Measure without an attack and under all kinds at once; under each of HOSTILE_KINDS="form bomb" too."""
    with target() as on:
        figures = {"alone": measured(asyncio.run(send(on.port)))}
        for kind in os.environ.get("HOSTILE_KINDS", "").split():
            figures[kind] = attacked(on, [kind])
        figures["every_kind"] = attacked(on, [])
    failed = sum(figure["failed"] for figure in figures.values())
    return {
        "hostile_connections": CONNECTIONS,
        "requests_per_s": PER_S,
        **figures,
        "failed": failed,
    }


def attacked(on: AttackedShim, kinds: list[str]) -> dict[str, Any]:
    """Send while connections of these kinds attack; return what came of it."""
    before = closings(on)
    with pinned(1):
        words = ("-m", "benchmarks.hostile", str(on.port), str(CONNECTIONS), *kinds)
        on.processes.start("hostile", Path(sys.executable), *words)
    # They begin within five seconds.
    time.sleep(6)
    pid = on.processes.running["shim"].pid
    used, began = cpu_s(pid), time.perf_counter()
    load = asyncio.run(send(on.port))
    share = (cpu_s(pid) - used) / (time.perf_counter() - began)
    figures = measured(load) | {
        "cpu_share": round(share, 2),
        "connections": connections(on),
        "mb": resident_mb(pid),
    }
    hostile = on.processes.running.pop("hostile")
    hostile.kill()
    hostile.wait()
    closed = {reason: round(count) for reason, count in (closings(on) - before).items()}
    until(lambda: connections(on) < 100, within_s=60)
    return figures | {"closed": closed}


def measured(load: Load) -> dict[str, Any]:
    """Return the figures of the honest sender."""
    return {
        "p50_ms": load.percentile_ms(50),
        "p99_ms": load.percentile_ms(99),
        "worst_ms": load.percentile_ms(100),
        "sent": sum(load.statuses.values()),
        "failed": sum(count for status, count in load.statuses.items() if status != 202),
    }


def connections(on: AttackedShim) -> int:
    """Return how many connections are open."""
    return round(float(re.findall(r"^tq_http_connections (\S+)$", on.metrics(), re.MULTILINE)[0]))


def closings(on: AttackedShim) -> Counter[str]:
    """Return how many connections were closed, by reason."""
    found = re.findall(
        r'^tq_http_connections_closed_total\{reason="(\w+)"\} (\S+)$', on.metrics(), re.MULTILINE
    )
    return Counter({reason: round(float(count)) for reason, count in found})


async def send(port: int) -> Load:
    """Send payloads at the rate; a latency counts from when the request should have been sent, 0 is a failure."""
    free: asyncio.Queue[Sender] = asyncio.Queue()
    for _ in range(KEPT):
        free.put_nowait(Sender(port))
    began, statuses, latencies = time.perf_counter(), Counter[int](), list[float]()

    async def one(number: int) -> None:
        due = began + number / PER_S
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        fresh = number % FRESH_EVERY == 0
        sender = Sender(port) if fresh else await free.get()
        statuses[await sender.send()] += 1
        latencies.append(time.perf_counter() - due)
        if fresh:
            sender.close()
        else:
            free.put_nowait(sender)

    await asyncio.gather(*(one(number) for number in range(round(PER_S * SECONDS))))
    return Load(dict(statuses), time.perf_counter() - began, latencies)


class Sender:
    """An honest sender with one connection, which it opens for its first request."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self) -> int:
        """Send a payload; return the status of the answer, 0 for none."""
        try:
            async with asyncio.timeout(FAILED_S):
                if self.streams is None:
                    self.streams = await asyncio.open_connection("127.0.0.1", self.port)
                reader, writer = self.streams
                writer.write(request("/v1/events", payload()))
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(re.findall(rb"content-length: (\d+)", head)[0]))
                return int(head[9:12])
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            self.close()
            return 0

    def close(self) -> None:
        """Close the connection."""
        if self.streams:
            self.streams[1].transport.abort()
            self.streams = None


@contextmanager
def target() -> Iterator[AttackedShim]:
    """Yield the entry point with its usual limits on core 0; all else is on the other one."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tq-bench-")))
        stack.enter_context(pinned(1))
        server = RedisServer(folder / "redis").start()
        stack.callback(server.stop)
        environ = {
            "TQ_CONFIG": str(folder),
            "TQ_REDIS_URL": server.url,
            "TQ_HTTP_TOKENS": f"bench:events+metrics:{TOKEN}",
            "TQ_MAX_OPEN_JOBS": "10000000",
        }
        processes = stack.enter_context(Processes(folder / "logs", environ))
        port, ready = free_port(), folder / "ready"
        with pinned(0):
            program = Path(sys.executable).parent / "tq-http-shim"
            processes.start("shim", program, "--port", str(port), "--ready-file", ready)
        until(ready.exists, within_s=30)
        yield AttackedShim(processes, port)
