"""Waiting for Redis in the middle of work, where giving up would cost more than waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from workers.errors import ServiceAway

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: Pauses in s between tries while Redis is away: about half a minute.
AGAIN_S = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0)


def retry_while_redis_is_away(call: Callable[[], T], event: str) -> T:
    """Return what `call` returns; while it raises ServiceAway, log `event` and call again, for half a minute."""
    for pause_s in AGAIN_S:
        try:
            return call()
        except ServiceAway as error:
            log.warning(event, reason=str(error), again_in_s=pause_s)
            time.sleep(pause_s)
    return call()
