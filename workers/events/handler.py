"""From claimed jobs to events in ThreatQ: plan each, make them together, settle each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from workers.core.results import EventResult, Failure, IndicatorRef, ObjectRef
from workers.core.spans import span
from workers.events.planning import PlannedEvent, plan_of
from workers.leases import Attempt
from workers.ledger.ledger import MOST_SOLO_FAILURES
from workers.ledger.records import Claim, Settlement, dead, done, misconfigured
from workers.payload.options import DialectOptions
from workers.threatq.connector import ConnectorPage
from workers.threatq.event_creation import create_events
from workers.threatq.event_draft import Done, EventRequest, Outcome, WithheldEvent
from workers.threatq.service import ThreatQ


def make_enabled(
    attempt: Attempt, threatq: ThreatQ, page: ConnectorPage, options: DialectOptions
) -> list[Settlement]:
    """Make the events of an attempt, but give payloads back while the Events Builder's `page` is disabled.

    All payloads of the queue wait then; sightings are LogRhythm's and go on. Raises like `make_events`.
    """
    if page.is_enabled:
        return make_events(attempt, threatq, options)
    state = (
        "disabled in ThreatQ; enable it there"
        if page.id
        else "not registered; run tq-conn-events-builder once"
    )
    payloads = attempt.block(f"the connector {page.name} is {state}, and its payloads go on", "events.create")
    sightings = [claim for claim in attempt.claims if claim.kind != "events.create"]
    return make_events(attempt, threatq, options, sightings) + payloads


def make_events(
    attempt: Attempt, threatq: ThreatQ, options: DialectOptions, claims: Sequence[Claim] | None = None
) -> list[Settlement]:
    """Make the events of an attempt, or of these `claims` of it, in as few calls as possible; settle each claim.

    Raises ServiceAway when ThreatQ is away, after which every claim may be tried again, and LeaseLost when another
    worker has one of them by now.
    """
    planned: list[PlannedEvent] = []
    settlements: list[Settlement] = []
    with span("plan"):
        for claim in attempt.claims if claims is None else claims:
            step = plan_of(claim, options)
            if isinstance(step, PlannedEvent):
                planned.append(step)
            else:
                settlements.append(step)
    attempt.ask([p.claim for p in planned])
    requests = [request_of(p) for p in planned]
    outcomes = create_events(threatq, requests, attempt.begin) if requests else []
    return settlements + [settled(p, outcome) for p, outcome in zip(planned, outcomes, strict=True)]


def request_of(planned: PlannedEvent) -> EventRequest:
    """Return what is asked of ThreatQ for a claim; on its last try it is the claim's fault if ThreatQ fails."""
    claim = planned.claim
    return EventRequest(
        claim.id,
        planned.plan,
        first_attempt=claim.attempts == 1,
        blame_item=claim.solo_failures >= MOST_SOLO_FAILURES,
        accepted_at=datetime.fromtimestamp(claim.accepted_ms / 1000, UTC),
    )


def settled(planned: PlannedEvent, outcome: Outcome) -> Settlement:
    """Settle a claim with what became of its plan."""
    if isinstance(outcome, WithheldEvent):
        return misconfigured(planned.claim, outcome.reason)
    if not isinstance(outcome, Done):
        return dead(planned.claim, Failure(outcome.reason, field=outcome.field))
    result = EventResult(
        event_id=outcome.event_id,
        link=outcome.link,
        existing=outcome.existing,
        indicators=tuple(IndicatorRef(i.id, i.type, i.value) for i in outcome.indicators),
        objects=tuple(ObjectRef(o.id, o.collection, o.value) for o in outcome.objects),
        left_out=planned.plan.left_out,
        warnings=tuple(dict.fromkeys(outcome.warnings)),
    )
    return done(planned.claim, result)
