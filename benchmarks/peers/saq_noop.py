"""SAQ on Redis."""

from __future__ import annotations

from typing import Any

from saq import Queue

from benchmarks.peers.noop import URL, begin

queue = Queue.from_url(URL)


async def noop(_context: Any, *, number: str) -> None:
    """Do the job."""
    begin(number)


settings = {"queue": queue, "functions": [noop], "concurrency": 32}


async def start() -> None:
    """Connect."""
    await queue.connect()


async def send(number: str) -> None:
    """Enqueue one job."""
    await queue.enqueue("noop", number=number)
