"""A Redis that is out of memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis


@contextmanager
def full(redis: Redis) -> Iterator[None]:
    """Let `redis` refuse every write that takes memory, as one that is full does, within the block."""
    redis.config_set("maxmemory", 1)
    try:
        yield
    finally:
        redis.config_set("maxmemory", 0)
