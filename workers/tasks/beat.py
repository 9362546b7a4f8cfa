"""Beat's scheduler: Celery's own, except that a tick that still waits is not sent again."""

from __future__ import annotations

from typing import Any

import structlog
from celery.beat import ScheduleEntry, Scheduler

from workers.core.errors import ServiceAway
from workers.core.files import show_life
from workers.runtime import runtime

log = structlog.get_logger(__name__)


class Ticks(Scheduler):
    """Keeps one tick of each entry waiting at most, so that none pile up while the workers are down.

    Celery's own means, an expiry, is computed with beat's clock and judged by the worker's: with the two some seconds
    apart every tick would count as expired, and nothing would ever be woken again.
    """

    def apply_async(
        self, entry: ScheduleEntry, producer: Any = None, advance: bool = True, **kwargs: Any
    ) -> Any:
        """Send an entry's message unless its queue still holds the last one, or Redis is away."""
        process = runtime()
        try:
            still_waits = process.ledger.wake_ups(entry.options["queue"])
        except ServiceAway as error:
            # Celery would log this with two tracebacks, each time.
            log.warning("no tick is sent", reason=str(error))
            return self.reserve(entry) if advance else entry
        if still_waits:
            show_life(process.settings.heartbeat_file)
            return self.reserve(entry) if advance else entry
        return super().apply_async(entry, producer=producer, advance=advance, **kwargs)
