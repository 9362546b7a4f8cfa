"""Completing events: whatever the creating call left out, and all of it for an older event."""

from __future__ import annotations

from collections.abc import Sequence

from workers.threatq.draft import Draft
from workers.threatq.events import JOB_ATTRIBUTE
from workers.threatq.failure import Refusal
from workers.threatq.relations import add_attributes, add_comment, attributes_of, relate, related_ids
from workers.threatq.service import ThreatQ

#: Attributes are proved like a kind of relation, since the job's id must be among them.
ATTRIBUTES = "attributes"


def complete(threatq: ThreatQ, drafts: Sequence[Draft]) -> None:
    """Add what is missing to every event that was made or found; nothing is added twice."""
    held = [draft for draft in drafts if draft.event_id]
    _prove(threatq, [draft for draft in held if not draft.complete_all])
    for draft in held:
        _add_attributes(threatq, draft)
        _add_relations(threatq, draft)
        _add_overflow(threatq, draft)


def _prove(threatq: ThreatQ, fresh: Sequence[Draft]) -> None:
    """Read the first event of each kind back, to learn whether ThreatQ takes that kind inside a new event.

    The bulk call for events is seen in one client only (SPL2), so a server that ignores parts of it is
    caught here; it costs one call for each kind in a process's life.
    """
    for draft in fresh:
        if ATTRIBUTES not in threatq.inline:
            ours = (JOB_ATTRIBUTE, draft.request.job_id)
            threatq.inline[ATTRIBUTES] = ours in attributes_of(threatq.caller, draft.event_id)
        for collection, ids in draft.ids().items():
            if collection not in threatq.inline:
                threatq.inline[collection] = set(ids) <= related_ids(
                    threatq.caller, draft.event_id, collection
                )


def _add_attributes(threatq: ThreatQ, draft: Draft) -> None:
    if not draft.complete_all and threatq.inline.get(ATTRIBUTES, False):
        return
    held = attributes_of(threatq.caller, draft.event_id) if draft.held is None else draft.held
    missing = [a for a in draft.attributes() if (a.name.strip(), a.value.strip()) not in held]
    try:
        add_attributes(threatq.caller, "events", draft.event_id, missing, draft.plan.source)
    except Refusal as error:
        draft.warnings.append(f"attributes could not be added: {error}")


def _add_relations(threatq: ThreatQ, draft: Draft) -> None:
    for collection, ids in draft.ids().items():
        if not draft.complete_all and threatq.inline.get(collection, False):
            continue
        try:
            relate(threatq.caller, draft.event_id, collection, ids)
        except Refusal as error:
            draft.warnings.append(f"{collection} could not be related: {error}")


def _add_overflow(threatq: ThreatQ, draft: Draft) -> None:
    """Put the part of the description for which ThreatQ has no room into a comment."""
    if not draft.plan.overflow:
        return
    try:
        add_comment(threatq.caller, draft.event_id, draft.plan.overflow)
    except Refusal as error:
        draft.warnings.append(f"the rest of the description could not be added as a comment: {error}")
