"""tq-workers itself, by the same rules: one call for each job."""

from __future__ import annotations

from benchmarks.peers.noop import URL
from workers.core.jobs import Job
from workers.ledger.connection import connect
from workers.ledger.ledger import Ledger

_ledger = Ledger(connect(URL))


async def send(number: str) -> str:
    """Enqueue one job; return its id, by which its start is noted."""
    job = Job("events.create", {"payload": {"event_name": f"noop {number}"}}, producer="bench")
    return _ledger.accept([job])[0].id
