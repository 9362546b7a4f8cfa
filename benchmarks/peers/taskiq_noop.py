"""Taskiq on a Redis stream, which acknowledges."""

from __future__ import annotations

from taskiq_redis import RedisStreamBroker

from benchmarks.peers.noop import URL, begin_soon

broker = RedisStreamBroker(url=URL)
noop = broker.task(begin_soon)


async def start() -> None:
    """Connect."""
    await broker.startup()


async def send(number: str) -> None:
    """Enqueue one job."""
    await noop.kiq(number)
