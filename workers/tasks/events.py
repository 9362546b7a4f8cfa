"""The queue events: payloads and sightings become events, up to a hundred at a time."""

from __future__ import annotations

from workers.consumer import QueueHandler
from workers.events.handler import make_enabled
from workers.leases import Attempt
from workers.ledger.records import Settlement
from workers.runtime import runtime
from workers.tasks.names import Teller, event_names
from workers.tasks.queue import needed_by_all, task_for

#: Payloads in one bulk; ThreatQ's own integrations send up to 500 objects a call, and a payload has a few.
BATCH = 100


def handle(attempt: Attempt) -> list[Settlement]:
    """Make the events of an attempt as the connector's page in ThreatQ says now."""
    process = runtime()
    with needed_by_all():
        page = process.page()
        return make_enabled(attempt, process.threatq, page, process.dialect(page), process.groups)


work = task_for(QueueHandler("events", handle, BATCH), afterwards=Teller("events", event_names), lingers=True)
