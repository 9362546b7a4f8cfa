"""From claimed jobs to events in ThreatQ: plan each, make them together, settle each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from workers.core.results import EventResult, Failure, IndicatorRef, ObjectRef
from workers.core.spans import span
from workers.events.grouping import ALONE, Placed, joined, place
from workers.events.planning import PlannedEvent, plan_of
from workers.events.update import UPDATE, update
from workers.leases import Attempt
from workers.ledger.groups import Groups
from workers.ledger.ledger import MOST_SOLO_FAILURES
from workers.ledger.records import Claim, GroupJoin, Settlement, dead, done, misconfigured
from workers.payload.mapped import earlier_event
from workers.payload.options import DialectOptions
from workers.threatq.connector import ConnectorPage
from workers.threatq.event_creation import create_events
from workers.threatq.event_draft import Done, EventRequest, Outcome, WithheldEvent
from workers.threatq.service import ThreatQ


def make_enabled(
    attempt: Attempt,
    threatq: ThreatQ,
    page: ConnectorPage,
    options: DialectOptions,
    groups: Groups | None = None,
) -> list[Settlement]:
    """Make the events of an attempt, but give payloads back while the Events Builder's `page` is disabled.

    All payloads of the queue wait then; sightings are LogRhythm's and go on. Raises like `make_events`.
    """
    if page.is_enabled:
        return make_events(attempt, threatq, options, groups=groups)
    state = (
        "disabled in ThreatQ; enable it there"
        if page.id
        else "not registered; run tq-conn-events-builder once"
    )
    payloads = attempt.block(f"the connector {page.name} is {state}, and its payloads go on", "events.create")
    others = [claim for claim in attempt.claims if claim.kind != "events.create"]
    return make_events(attempt, threatq, options, others, groups=groups) + payloads


def make_events(
    attempt: Attempt,
    threatq: ThreatQ,
    options: DialectOptions,
    claims: Sequence[Claim] | None = None,
    *,
    groups: Groups | None = None,
) -> list[Settlement]:
    """Make the events of an attempt, or of these `claims` of it, in as few calls as possible; settle each claim.

    Firings that share an event with others do so where `groups` keeps those. Raises ServiceAway when ThreatQ is away,
    after which every claim may be tried again, and LeaseLost when another worker has one of them by now.
    """
    claims = attempt.claims if claims is None else claims
    settlements = _updated(attempt, threatq, options, claims, groups)
    planned: list[PlannedEvent] = []
    with span("plan"):
        for claim in claims:
            step = None if claim.kind == UPDATE else plan_of(claim, options)
            if isinstance(step, PlannedEvent):
                planned.append(step)
            elif step:
                settlements.append(step)
    if groups is None or not options.grouping:
        return settlements + _made(attempt, threatq, [Placed(each, ALONE) for each in planned], groups)
    placed = place(planned, groups, options.grouping)
    settlements += _made(attempt, threatq, [each for each in placed if each.makes_event], groups)
    events = {s.group.group: s.group.event for s in settlements if isinstance(s.group, GroupJoin)}
    return settlements + [joined(each, events, groups, threatq) for each in placed if not each.makes_event]


def _updated(
    attempt: Attempt,
    threatq: ThreatQ,
    options: DialectOptions,
    claims: Sequence[Claim],
    groups: Groups | None,
) -> list[Settlement]:
    """Tell events of firings that joined them. That comes first: when it fails, nothing has been begun."""
    settlements: list[Settlement] = []
    for claim in claims:
        if claim.kind == UPDATE and groups:
            attempt.ask([claim])
            settlements.append(update(claim, threatq, groups, options))
    return settlements


def _made(
    attempt: Attempt, threatq: ThreatQ, placed: Sequence[Placed], groups: Groups | None
) -> list[Settlement]:
    """Make events in one go."""
    attempt.ask([each.claim for each in placed])
    requests = [request_of(each) for each in placed]
    outcomes = create_events(threatq, requests, attempt.begin) if requests else []
    return [settled(each, outcome, groups) for each, outcome in zip(placed, outcomes, strict=True)]


def request_of(placed: Placed) -> EventRequest:
    """Return what is asked of ThreatQ for a claim; on its last try it is the claim's fault if ThreatQ fails."""
    claim = placed.claim
    return EventRequest(
        claim.id,
        placed.plan,
        first_attempt=claim.attempts == 1,
        blame_item=claim.solo_failures >= MOST_SOLO_FAILURES,
        accepted_at=datetime.fromtimestamp(claim.accepted_ms / 1000, UTC),
        event_id=earlier_event(claim.arguments) if claim.attempts > 1 else 0,
    )


def settled(placed: Placed, outcome: Outcome, groups: Groups | None) -> Settlement:
    """Settle a claim with what became of its plan."""
    if isinstance(outcome, WithheldEvent):
        return misconfigured(placed.claim, outcome.reason)
    if not isinstance(outcome, Done):
        return dead(placed.claim, Failure(outcome.reason, field=outcome.field))
    result = EventResult(
        event_id=outcome.event_id,
        link=outcome.link,
        existing=outcome.existing,
        indicators=tuple(IndicatorRef(i.id, i.type, i.value) for i in outcome.indicators),
        objects=tuple(ObjectRef(o.id, o.collection, o.value) for o in outcome.objects),
        left_out=placed.planned.plan.left_out,
        warnings=tuple(dict.fromkeys((*outcome.warnings, *placed.limited))),
        group=placed.group,
    )
    return done(placed.claim, result, placed.change(groups, outcome.event_id) if groups else None)
