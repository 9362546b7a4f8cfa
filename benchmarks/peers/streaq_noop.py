"""streaQ, which works off Redis streams."""

from __future__ import annotations

from streaq import Worker

from benchmarks.peers.noop import URL, begin_soon

worker = Worker(redis_url=URL, concurrency=32)
noop = worker.task()(begin_soon)


async def start() -> None:
    """Connect."""
    await worker.__aenter__()


async def send(number: str) -> None:
    """Enqueue one job."""
    await noop.enqueue(number)
