"""arq, which polls a sorted set."""

from __future__ import annotations

from typing import Any, ClassVar

from arq import create_pool
from arq.connections import ArqRedis, RedisSettings

from benchmarks.peers.noop import URL, begin

_pool: list[ArqRedis] = []


async def noop(_context: Any, number: str) -> None:
    """Do the job."""
    begin(number)


class WorkerSettings:
    """What its command reads."""

    functions: ClassVar = [noop]
    redis_settings = RedisSettings.from_dsn(URL)
    max_jobs = 32


async def start() -> None:
    """Connect."""
    _pool.append(await create_pool(RedisSettings.from_dsn(URL)))


async def send(number: str) -> None:
    """Enqueue one job."""
    await _pool[0].enqueue_job("noop", number)
