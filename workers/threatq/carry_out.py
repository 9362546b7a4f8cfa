"""Carries out event plans: a batch of payloads becomes events in a handful of calls.

Indicators of all plans first, then their identities, malware and assets, then the events with all of it
inline: five or six calls for a hundred payloads. Every step may be repeated, so a batch that ThreatQ's
absence cuts short is simply carried out again.
"""

from __future__ import annotations

from collections.abc import Sequence

from workers.threatq.complete import complete
from workers.threatq.create import Confirm, assume_ours, create
from workers.threatq.draft import Draft
from workers.threatq.events import find_ours
from workers.threatq.failure import nothing_begun, suspecting
from workers.threatq.outcome import EventRequest, Outcome, Refused
from workers.threatq.related import relate_indicators, relate_objects
from workers.threatq.service import ThreatQ


def create_events(
    threatq: ThreatQ, requests: Sequence[EventRequest], still_ours: Confirm = assume_ours
) -> list[Outcome]:
    """Make the events of `requests` and return one outcome for each, in their order.

    A plan that ThreatQ refuses costs no other. Raises ServiceAway or ConfigError for the whole batch, and
    whatever `still_ours` raises, which is asked just before each call that makes events.
    """
    drafts = [Draft(request) for request in requests]
    with suspecting([request.job_id for request in requests]):
        with nothing_begun():
            _check_types(threatq, drafts)
            relate_indicators(threatq, drafts)
            relate_objects(threatq, drafts)
            _adopt_earlier(threatq, drafts)
        create(threatq, drafts, still_ours)
        complete(threatq, drafts)
    return [draft.outcome(threatq.link("events", draft.event_id)) for draft in drafts]


def _check_types(threatq: ThreatQ, drafts: Sequence[Draft]) -> None:
    """Create unknown event types, or refuse their events, as the setting says."""
    for draft in drafts:
        name = draft.plan.type
        if threatq.lookups.event_type(name) is not None:
            continue
        if threatq.creates_event_types:
            threatq.lookups.create_event_type(name)
        else:
            reason = (
                f"ThreatQ has no event type {name!r}; create it there, or set unknown_event_type to create"
            )
            draft.refused = Refused(reason, "type")


def _adopt_earlier(threatq: ThreatQ, drafts: Sequence[Draft]) -> None:
    """Find the events of earlier attempts, whose answer may have been lost."""
    again = [draft for draft in drafts if draft.is_open and not draft.request.first_attempt]
    found = find_ours(threatq.caller, [draft.request for draft in again])
    for draft in again:
        if row := found.get(draft.request.job_id):
            draft.adopt(row)
