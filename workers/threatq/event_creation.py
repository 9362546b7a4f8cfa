"""Making the events of a batch: what they relate to first, then the events in one bulk call, then what is missing.

Indicators, identities, malware and assets of all plans side by side, then the events with all of it inline: five or six
calls for a hundred payloads. Every step may be repeated, so a batch that ThreatQ's absence cuts short is simply carried
out again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workers.core.errors import ServiceAway
from workers.threatq.bulk import Fate, Sender, post, send_all
from workers.threatq.client import Json, row_id, rows
from workers.threatq.earlier_events import find_ours
from workers.threatq.errors import ServerFault, ServiceRefusal
from workers.threatq.event_draft import (
    JOB_ATTRIBUTE,
    Draft,
    EventRequest,
    Outcome,
    RejectedEvent,
    identity,
    withholding,
)
from workers.threatq.event_relations import relate_all
from workers.threatq.event_renewal import renew
from workers.threatq.objects import add_attributes, add_comment, attributes_of, relate, related_ids
from workers.threatq.service import ThreatQ

#: Asked just before each call that makes events; raises an error when another worker has the jobs by now.
Confirm = Callable[[], None]

#: Attributes are proved like a kind of relation, since the job's id must be among them.
ATTRIBUTES = "attributes"


def assume_ours() -> None:
    """Confirm it unasked."""


class _AppliedInPart(Exception):
    """ThreatQ refused a bulk and kept some of it nevertheless."""


def create(threatq: ThreatQ, drafts: Sequence[Draft], still_ours: Confirm) -> None:
    """Make every open event, or refuse it; the same title, type and time twice goes into calls of their own.

    Within one call such twins could not be told apart by the answer. `still_ours` is asked last before each call:
    a worker that took a job over has looked for its event by then and found none, so that a second one would stay.
    """

    def make(items: Sequence[Json]) -> list[Json]:
        still_ours()
        return post(threatq.caller, "events", items)

    for wave in _waves([draft for draft in drafts if draft.is_open]):
        if not threatq.consumes_events:
            _one_by_one(threatq, wave, still_ours)
            continue
        try:
            _settle(threatq, wave, _in_bulk(threatq, wave, make), drafts)
        except _AppliedInPart:
            _again(threatq, wave, make, drafts)
        except ServiceRefusal as error:
            if not error.is_absent:
                raise
            threatq.consumes_events = False
            _one_by_one(threatq, wave, still_ours)


def _waves(drafts: Sequence[Draft]) -> list[list[Draft]]:
    waves: list[list[Draft]] = []
    seen: dict[tuple[str, str, str], int] = {}
    for draft in drafts:
        key = identity(draft.plan)
        index = seen[key] = seen.get(key, -1) + 1
        if index == len(waves):
            waves.append([])
        waves[index].append(draft)
    return waves


def _in_bulk(threatq: ThreatQ, wave: Sequence[Draft], make: Sender) -> list[Fate]:
    """Send one wave by POST /api/events/consume; raises _AppliedInPart after an unclean refusal.

    Whether a refused bulk leaves something behind is not documented. It shows in the first or the last
    event: a server that stops at the bad one has made the first, one that goes on has made the last.
    """
    checked = False

    def send(part: Sequence[Json]) -> list[Json]:
        nonlocal checked
        try:
            return make(part)
        except (ServiceRefusal, ServerFault) as error:
            clean = checked or (isinstance(error, ServiceRefusal) and error.is_absent)
            checked = True
            if not clean and find_ours(threatq, {wave[0].request, wave[-1].request}):
                raise _AppliedInPart from error
            raise

    return send_all([draft.body() for draft in wave], send, "title")


def _again(threatq: ThreatQ, wave: Sequence[Draft], make: Sender, drafts: Sequence[Draft]) -> None:
    """Find what is there and make the rest, each by a call of its own."""
    events = find_ours(threatq, [draft.request for draft in wave])
    for draft in wave:
        if row := events.get(draft.request.job_id):
            draft.adopt(row)
    rest = [draft for draft in wave if draft.is_open]
    _settle(threatq, rest, send_all([draft.body() for draft in rest], make, "title", size=1), drafts)


def _settle(threatq: ThreatQ, wave: Sequence[Draft], fates: Sequence[Fate], drafts: Sequence[Draft]) -> None:
    """Note each event or refusal; `drafts` is the whole batch, in which ThreatQ may have merged two."""
    taken = {draft.event_id for draft in drafts}
    for draft, fate in zip(wave, fates, strict=True):
        if isinstance(fate, ServiceRefusal):
            draft.refuse(fate)
        elif fate is None:
            _look_up(threatq, draft)
        else:
            draft.take(fate, shared=row_id(fate) in taken)


def _look_up(threatq: ThreatQ, draft: Draft) -> None:
    """Find an event that the answer leaves out; the next attempt looks again, so it is not made twice."""
    row = find_ours(threatq, [draft.request]).get(draft.request.job_id)
    if row is None:
        raise ServiceAway("threatq", "ThreatQ's answer leaves out an event that it was asked to make")
    draft.adopt(row)


def _one_by_one(threatq: ThreatQ, wave: Sequence[Draft], still_ours: Confirm) -> None:
    """Make each event by POST /api/events, for a ThreatQ without the bulk call; relations follow by calls."""
    for draft in wave:
        item = {**draft.body(), "type": draft.plan.type}
        for collection in draft.ids():
            del item[collection]
            threatq.inline[collection] = False
        still_ours()
        try:
            row = next(iter(rows(threatq.caller.call("POST", "/api/events", json=item))), {})
        except ServiceRefusal as error:
            draft.refuse(error)
            continue
        _settle(threatq, [draft], [row if "id" in row else None], wave)


def create_events(
    threatq: ThreatQ, requests: Sequence[EventRequest], still_ours: Confirm = assume_ours
) -> list[Outcome]:
    """Make the events of `requests` and return one outcome for each, in their order.

    A plan that ThreatQ refuses, or for which the account lacks a right, costs no other. Raises ServiceAway or
    ConfigError for the whole batch, and whatever `still_ours` raises, which is asked just before each call that makes
    events.
    """
    drafts = [Draft(request) for request in requests]
    _check_types(threatq, drafts)
    relate_all(threatq, drafts)
    _adopt_earlier(threatq, drafts)
    with withholding(draft for draft in drafts if draft.is_open):
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
            with withholding([draft]):
                threatq.lookups.create_event_type(name)
        else:
            reason = (
                f"ThreatQ has no event type {name!r}; create it there, or set unknown_event_type to create"
            )
            draft.refused = RejectedEvent(reason, "type")


def _adopt_earlier(threatq: ThreatQ, drafts: Sequence[Draft]) -> None:
    """Find the events of earlier attempts, whose answer may have been lost."""
    again = [draft for draft in drafts if draft.is_open and not draft.request.first_attempt]
    for draft in again:
        if draft.request.event_id:
            with withholding([draft]):
                renew(threatq, draft)
    again = [draft for draft in again if draft.is_open]
    events = find_ours(threatq, [draft.request for draft in again])
    for draft in again:
        if row := events.get(draft.request.job_id):
            draft.adopt(row)


def complete(threatq: ThreatQ, drafts: Sequence[Draft]) -> None:
    """Add what is missing to every event that was made or found; nothing is added twice."""
    there = [draft for draft in drafts if draft.event_id]
    _prove(threatq, [draft for draft in there if not draft.complete_all])
    for draft in there:
        with withholding([draft]):
            _add_attributes(threatq, draft)
            _add_relations(threatq, draft)
            _add_overflow(threatq, draft)


def _prove(threatq: ThreatQ, fresh: Sequence[Draft]) -> None:
    """Read the first event of each kind back, to learn whether ThreatQ takes that kind inside a new event.

    The bulk call for events is seen in one client only (SPL2), so a server that ignores parts of it is
    caught here; it costs one call for each kind in a process's life.
    """
    for draft in fresh:
        with withholding([draft]):
            _prove_one(threatq, draft)


def _prove_one(threatq: ThreatQ, draft: Draft) -> None:
    if ATTRIBUTES not in threatq.inline:
        ours = (JOB_ATTRIBUTE, draft.request.job_id)
        threatq.inline[ATTRIBUTES] = ours in attributes_of(threatq.caller, draft.event_id)
    for collection, ids in draft.ids().items():
        if collection not in threatq.inline:
            there = related_ids(threatq.caller, draft.event_id, collection)
            threatq.inline[collection] = set(ids) <= there


def _add_attributes(threatq: ThreatQ, draft: Draft) -> None:
    if not draft.complete_all and threatq.inline.get(ATTRIBUTES, False):
        return
    there = draft.attributes_there
    if there is None:
        there = attributes_of(threatq.caller, draft.event_id)
    missing = [a for a in draft.attributes() if (a.name.strip(), a.value.strip()) not in there]
    try:
        add_attributes(threatq.caller, "events", draft.event_id, missing, draft.plan.source)
    except ServiceRefusal as error:
        draft.warnings.append(f"attributes could not be added: {error}")


def _add_relations(threatq: ThreatQ, draft: Draft) -> None:
    for collection, ids in draft.ids().items():
        if not draft.complete_all and threatq.inline.get(collection, False):
            continue
        try:
            relate(threatq.caller, draft.event_id, collection, ids)
        except ServiceRefusal as error:
            draft.warnings.append(f"{collection} could not be related: {error}")


def _add_overflow(threatq: ThreatQ, draft: Draft) -> None:
    """Put the part of the description for which ThreatQ has no room into a comment."""
    if not draft.plan.overflow:
        return
    try:
        add_comment(threatq.caller, draft.event_id, draft.plan.overflow)
    except ServiceRefusal as error:
        draft.warnings.append(f"the rest of the description could not be added as a comment: {error}")
