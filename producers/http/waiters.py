"""Waiting for outcomes on behalf of requests, so many at a time and no more."""

from __future__ import annotations

from functools import partial

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from workers.ledger.desk import Desk
from workers.ledger.records import Entry

#: Requests that may wait at a time; each keeps a thread. Further ones are answered at once.
MOST_WAITING = 32


class Waiters:
    """Lets a bounded number of requests wait for what becomes of their jobs."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.places = CapacityLimiter(MOST_WAITING)

    async def outcome(self, job_id: str, wait_s: float) -> Entry | None:
        """Return what became of a job within `wait_s` seconds; None at once when too many wait already."""
        if not wait_s or self.places.available_tokens < 1:
            return None
        return await run_sync(partial(self.desk.outcome, job_id, wait_s=wait_s), limiter=self.places)
