"""Runs of the list sync that wait, and what for: while one does, no other run of its collection starts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from msgspec import Struct
from redis import Redis

from workers.ledger.desk import Desk

#: Open jobs of the queue sync that are looked at: there is one for each collection, and a few by hand.
LOOKED_AT = 200


class WaitingRun(Struct, frozen=True):
    """A run that has not come further since `since_ms`; `reason` is what its last try met.

    `collection` is "" for a job that shall sync all of them.
    """

    job: str
    collection: str
    since_ms: int
    reason: str

    @property
    def said(self) -> str:
        """The same as a sentence."""
        since = datetime.fromtimestamp(self.since_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
        name = self.collection or "all collections"
        return f"the sync of {name} waits since {since} UTC (job {self.job}): {self.reason}"


def waiting_runs(redis: Redis) -> list[WaitingRun]:
    """Return the runs that wait, the longest first; raises ServiceAway("redis")."""
    return sorted(_waiting(Desk(redis)), key=lambda run: run.since_ms)


def _waiting(desk: Desk) -> Iterator[WaitingRun]:
    for record in desk.records(desk.ids("accepted", most=LOOKED_AT, queue="sync")):
        # One that is being tried again waits until it comes further.
        arguments = desk.arguments(record.id) if record.since_ms else None
        if record.since_ms and arguments is not None and not arguments.get("dry_run"):
            yield WaitingRun(
                job=record.id,
                collection=str(arguments.get("collection", "")),
                since_ms=record.since_ms,
                reason=str(record.result.get("reason", "")),
            )
