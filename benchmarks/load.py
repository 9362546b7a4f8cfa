"""A load generator for HTTP: connections that each send the next request when the last one was answered."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import uvloop
from msgspec import Struct

from benchmarks.measuring import percentile_ms

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


class Load(Struct, frozen=True):
    """What came of a load: answers by status, seconds, the latency of each answer in seconds, and when it began."""

    statuses: dict[int, int]
    seconds: float
    latencies: list[float]
    began: float = 0.0

    @property
    def per_s(self) -> float:
        """Answers with 202 in a second."""
        return self.statuses.get(202, 0) / self.seconds

    def percentile_ms(self, percent: float) -> float:
        """The latency in ms below which `percent` of the answers came."""
        return percentile_ms(self.latencies, percent)


def request(path: str, body: bytes, token: str = "token-of-the-benchmark") -> bytes:
    """Return a POST as NiFi would send it."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: \r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\nConnection: Keep-Alive\r\n\r\n"
    )
    return head.encode() + body


def drive(port: int, requests: list[bytes], *, connections: int, per_s: float = 0) -> Load:
    """Send all `requests`; at `per_s` in a second if that is given, else as fast as they are answered.

    At a given rate a latency counts from when the request should have been sent, so that waiting for a
    connection is no excuse.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        load: Load = runner.run(_drive(port, requests, connections, per_s))
    return load


async def _drive(port: int, requests: list[bytes], connections: int, per_s: float) -> Load:
    loop = asyncio.get_running_loop()
    field = _Field(requests, per_s)
    links = [
        (await loop.create_connection(lambda: _Link(field), "127.0.0.1", port)) for _ in range(connections)
    ]
    began = field.began = time.perf_counter()
    for _, link in links:
        link.next()
    await field.finished.wait()
    seconds = time.perf_counter() - began
    for transport, _ in links:
        transport.abort()
    return Load(dict(field.statuses), seconds, field.latencies, began)


class _Field:
    """What the connections share."""

    def __init__(self, requests: list[bytes], per_s: float) -> None:
        self.left: Iterator[tuple[int, bytes]] = iter(enumerate(requests))
        self.expected = len(requests)
        self.per_s = per_s
        self.began = 0.0
        self.statuses: Counter[int] = Counter()
        self.latencies: list[float] = []
        self.finished = asyncio.Event()


class _Link(asyncio.Protocol):
    """One connection."""

    def __init__(self, field: _Field) -> None:
        self.field = field
        self.buffer = b""
        self.transport: Any = None
        self.sent = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def next(self) -> None:
        """Send the next request, now or when its time has come."""
        found = next(self.field.left, None)
        if found is None:
            return
        number, data = found
        now = time.perf_counter()
        self.sent = self.field.began + number / self.field.per_s if self.field.per_s else now
        if self.sent > now:
            asyncio.get_running_loop().call_later(self.sent - now, self.transport.write, data)
        else:
            self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self.buffer, 0, end)
        if len(self.buffer) < end + 4 + (int(length[1]) if length else 0):
            return
        field = self.field
        field.statuses[int(self.buffer[9:12])] += 1
        field.latencies.append(time.perf_counter() - self.sent)
        self.buffer = b""
        if len(field.latencies) == field.expected:
            field.finished.set()
        self.next()
