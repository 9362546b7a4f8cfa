"""Huey, which acknowledges nothing."""

from __future__ import annotations

from huey import RedisHuey

from benchmarks.peers.noop import URL, begin

huey = RedisHuey(url=URL, results=False)
noop = huey.task()(begin)


async def send(number: str) -> None:
    """Enqueue one job."""
    noop(number)
