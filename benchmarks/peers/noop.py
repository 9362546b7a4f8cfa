"""The job of every peer: it notes when it was begun, by a clock that all processes share."""

from __future__ import annotations

import os
import time

#: The Redis of a peer.
URL = os.environ.get("TQ_REDIS_URL", "redis://127.0.0.1:6379/0")

_starts = os.open(os.environ.get("NOOP_STARTS", os.devnull), os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def begin(number: str) -> None:
    """Note that a job is begun."""
    os.write(_starts, f"{number} {time.monotonic()}\n".encode())


async def begin_soon(number: str) -> None:
    """Do the same in an event loop."""
    begin(number)
