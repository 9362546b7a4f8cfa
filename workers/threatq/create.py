"""Making the events of a batch, in one bulk call where nothing stands against it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workers.errors import ServiceAway
from workers.threatq import events
from workers.threatq.bulk import Fate, Sender, post, send_all
from workers.threatq.client import Json, rows
from workers.threatq.draft import Draft
from workers.threatq.failure import Refusal, ServerFault
from workers.threatq.service import ThreatQ

#: Raises an error when somebody else has the jobs at hand by now.
Confirm = Callable[[], None]


def assume_ours() -> None:
    """Confirm it unasked."""


class _AppliedInPart(Exception):
    """ThreatQ refused a bulk and kept some of it nevertheless."""


def create(threatq: ThreatQ, drafts: Sequence[Draft], still_ours: Confirm) -> None:
    """Make every open event, or refuse it; the same title, type and time twice goes into calls of their own.

    Within one call such twins could not be told apart by the answer. `still_ours` is asked last before each call:
    whoever took a job over has looked for its event by then and found none, so that a second one would stay.
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
        except Refusal as error:
            if not error.is_absent:
                raise
            threatq.consumes_events = False
            _one_by_one(threatq, wave, still_ours)


def _waves(drafts: Sequence[Draft]) -> list[list[Draft]]:
    waves: list[list[Draft]] = []
    seen: dict[tuple[str, str, str], int] = {}
    for draft in drafts:
        key = events.identity(draft.plan)
        at = seen[key] = seen.get(key, -1) + 1
        if at == len(waves):
            waves.append([])
        waves[at].append(draft)
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
        except (Refusal, ServerFault) as error:
            clean = checked or (isinstance(error, Refusal) and error.is_absent)
            checked = True
            if not clean and events.find_ours(threatq.caller, {wave[0].request, wave[-1].request}):
                raise _AppliedInPart from error
            raise

    return send_all([draft.body() for draft in wave], send, "title")


def _again(threatq: ThreatQ, wave: Sequence[Draft], make: Sender, drafts: Sequence[Draft]) -> None:
    """Find what is there and make the rest, each by a call of its own."""
    found = events.find_ours(threatq.caller, [draft.request for draft in wave])
    for draft in wave:
        if row := found.get(draft.request.job_id):
            draft.adopt(row)
    rest = [draft for draft in wave if draft.is_open]
    _settle(threatq, rest, send_all([draft.body() for draft in rest], make, "title", size=1), drafts)


def _settle(threatq: ThreatQ, wave: Sequence[Draft], fates: Sequence[Fate], drafts: Sequence[Draft]) -> None:
    """Note each event or refusal; `drafts` is the whole batch, in which ThreatQ may have merged two."""
    taken = {draft.event_id for draft in drafts}
    for draft, fate in zip(wave, fates, strict=True):
        if isinstance(fate, Refusal):
            draft.refuse(fate)
        elif fate is None:
            _look_up(threatq, draft)
        else:
            draft.take(fate, shared=int(fate["id"]) in taken)


def _look_up(threatq: ThreatQ, draft: Draft) -> None:
    """Find an event that the answer leaves out; the next attempt looks again, so it is not made twice."""
    row = events.find_ours(threatq.caller, [draft.request]).get(draft.request.job_id)
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
        except Refusal as error:
            draft.refuse(error)
            continue
        _settle(threatq, [draft], [row if "id" in row else None], wave)
