"""The queue events: payloads and sightings become events, up to a hundred at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from workers.consumer import QueueHandler
from workers.events import make_or_hold
from workers.ledger.records import Claim, Settlement
from workers.runtime import runtime
from workers.tasks.queue import task_for
from workers.threatq.errors import nothing_begun

#: Payloads in one bulk; ThreatQ's own integrations send up to 500 objects a call, and a payload has a few.
BATCH = 100


def handle(claims: Sequence[Claim]) -> list[Settlement]:
    """Make the events of `claims` as the connector's page in ThreatQ says now."""
    process = runtime()
    with nothing_begun():
        page, dialect = process.page(), process.dialect()
    return make_or_hold(claims, process.threatq, page, dialect, partial(process.leases.prove, claims))


work = task_for(QueueHandler("events", handle, BATCH))
