"""Hostile connections of every kind, from many addresses of this machine.

`python -m benchmarks.hostile PORT COUNT KIND…`: each is kept open as long as the server lets it, and opened again a
second after it was closed. Runs until it is killed.
"""

from __future__ import annotations

import asyncio
import gzip
import resource
import sys
from functools import partial
from itertools import cycle, islice
from typing import Any

import uvloop
from msgspec import Struct

#: Addresses that they come from: 127.0.0.2 and the following ones.
ADDRESSES = 40

#: Seconds between two bytes of what is slow, and from a closed connection to the next.
DRIP_S, AGAIN_S = 3.0, 1.0

BOMB = gzip.compress(b" " * 10_000_000)


class HostileKind(Struct, frozen=True):
    """What a connection sends at once, what it sends byte by byte then, and whether it reads answers."""

    first: bytes
    drip: bytes = b""
    reads: bool = True


def head(method: str, path: str, length: int | None = None, more: str = "") -> bytes:
    """Return a request's head."""
    size = "" if length is None else f"Content-Length: {length}\r\n"
    return f"{method} {path} HTTP/1.1\r\nHost: tq\r\n{size}{more}\r\n".encode()


COOKIE = f"Cookie: tq={'a' * 43}\r\n"

KINDS = {
    "idle": HostileKind(b""),
    "slow_head": HostileKind(b"POST /v1/events HTTP/1.1\r\n", b"X-A: b\r\n"),
    "slow_body": HostileKind(head("POST", "/v1/events", 9_000_000), b" "),
    "slow_reader": HostileKind(head("GET", "/openapi.json") * 4, reads=False),
    "at_once": HostileKind(b"GET / HTTP/1.1\r\n\r\n" * 5_000, reads=False),
    "form": HostileKind(head("POST", "/sign-in", 900) + b"token=", b"a"),
    "page_form": HostileKind(head("POST", "/replay", 900, COOKIE) + b"all=", b"a"),
    "bomb": HostileKind(head("POST", "/v1/events", len(BOMB)) + BOMB),
    "form_bomb": HostileKind(head("POST", "/sign-in", len(BOMB)) + BOMB),
}


class Hostile(asyncio.Protocol):
    """One connection."""

    def __init__(self, kind: HostileKind, closed: asyncio.Event) -> None:
        self.kind = kind
        self.closed = closed
        self.loop = asyncio.get_running_loop()
        self.transport: Any = None
        self.at = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.kind.first)
        if not self.kind.reads:
            transport.pause_reading()
        if self.kind.drip:
            self.loop.call_later(DRIP_S, self.drip)

    def drip(self) -> None:
        """Send the next byte."""
        if not self.transport.is_closing():
            self.transport.write(self.kind.drip[self.at % len(self.kind.drip) :][:1])
            self.at += 1
            self.loop.call_later(DRIP_S, self.drip)

    def connection_lost(self, _: Exception | None) -> None:
        self.closed.set()


async def keep_open(port: int, kind: HostileKind, address: str, after_s: float) -> None:
    """Open a connection again and again."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(after_s)
    while True:
        closed = asyncio.Event()
        try:
            await loop.create_connection(
                partial(Hostile, kind, closed), "127.0.0.1", port, local_addr=(address, 0)
            )
            await closed.wait()
        except OSError:
            pass
        await asyncio.sleep(AGAIN_S)


async def attack(port: int, count: int, kinds: list[str]) -> None:
    """Keep `count` connections open, as many of each kind; they begin within five seconds."""
    every = cycle(KINDS[kind] for kind in kinds)
    await asyncio.gather(
        *(
            keep_open(port, kind, f"127.0.0.{2 + number % ADDRESSES}", 5.0 * number / count)
            for number, kind in enumerate(islice(every, count))
        )
    )


def main(arguments: list[str]) -> None:
    """Attack until killed."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    port, count, *kinds = arguments
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(attack(int(port), int(count), kinds or list(KINDS)))


if __name__ == "__main__":
    main(sys.argv[1:])
