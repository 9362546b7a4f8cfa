"""RQ, whose workers fork for each job."""

from __future__ import annotations

from redis import Redis
from rq import Queue

from benchmarks.peers.noop import URL, begin

queue = Queue(connection=Redis.from_url(URL))


async def send(number: str) -> None:
    """Enqueue one job."""
    queue.enqueue(begin, number, result_ttl=0)
