"""The queue events: payloads and sightings become events, up to a hundred at a time."""

from __future__ import annotations

from collections.abc import Sequence

from workers.drain import RECHECK_S, Bench
from workers.events import make_events
from workers.ledger.records import Claim, Settlement, held
from workers.runtime import runtime
from workers.tasks.queue import works_on

#: Payloads in one bulk; ThreatQ's own integrations send up to 500 objects a call, and a payload has a few.
BATCH = 100


def handle(claims: Sequence[Claim]) -> list[Settlement]:
    """Make the events of `claims` with the settings that the connector's page has now.

    Payloads wait while the Events Builder is disabled there; sightings are LogRhythm's and go on.
    """
    here = runtime()
    page, options = here.page(), here.dialect()
    if page.is_enabled:
        return make_events(claims, here.threatq, options)
    state = (
        "disabled in ThreatQ; enable it there"
        if page.id
        else "not registered; run tq-conn-events-builder once"
    )
    reason = f"the connector {page.name} is {state}, and its payloads go on"
    payloads = [claim for claim in claims if claim.kind == "events.create"]
    sightings = [claim for claim in claims if claim.kind != "events.create"]
    made = make_events(sightings, here.threatq, options)
    return made + [held(claim, reason, RECHECK_S) for claim in payloads]


work = works_on(Bench("events", handle, BATCH))
