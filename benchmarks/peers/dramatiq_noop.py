"""Dramatiq with its Redis broker."""

from __future__ import annotations

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks.peers.noop import URL, begin

dramatiq.set_broker(RedisBroker(url=URL))
noop = dramatiq.actor(begin)


async def send(number: str) -> None:
    """Enqueue one job."""
    noop.send(number)
