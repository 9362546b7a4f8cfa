"""An event is told of the firings that joined its group since: a job of its own, which upkeep asks for."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from workers.core.jobs import Job
from workers.core.results import EventResult, GroupRef
from workers.core.text import counted
from workers.indicators.model import Attribute
from workers.ledger.connection import now_ms
from workers.ledger.groups import Groups, GroupState
from workers.ledger.history import ENDS
from workers.ledger.ledger import MOST_SOLO_FAILURES, Ledger
from workers.ledger.records import Claim, GroupTold, Settlement, done
from workers.payload.grouping import FIRINGS, FIRST_SEEN, LAST_SEEN, plan_of_values, value_in_words
from workers.payload.options import DialectOptions
from workers.payload.severity import SEVERITY
from workers.threatq.event_draft import EventRequest
from workers.threatq.event_update import EventGone, EventNews, tell_event
from workers.threatq.service import ThreatQ

log = structlog.get_logger(__name__)

#: The kind of these jobs, and by which name the ledger knows who asks for them.
UPDATE, PRODUCER = "events.update", "upkeep"

#: Milliseconds in which an update that ended without telling its event is asked for anew at most once.
ANEW_MS = 600_000

#: Updates that are asked for in a second, and values that a description names, those first that came most often.
MOST_UPDATES, MOST_SHOWN = 500, 50


def ask_for_updates(ledger: Ledger, groups: Groups) -> int:
    """Ask for the update of each event that is due, once as long as it has not been made; return how many.

    One that has ended and has not told the event, as a dead letter has not, is asked for anew.
    """
    states = groups.due(MOST_UPDATES)
    if not states:
        return 0
    answers = ledger.accept([_job(state) for state in states])
    asked_before = [pair for pair in zip(states, answers, strict=True) if not pair[1].created]
    known = ledger.known([answer for _, answer in asked_before])
    turn = now_ms(ledger.redis) // ANEW_MS
    ended = [pair[0] for pair, job in zip(asked_before, known, strict=True) if job.state in ENDS]
    ledger.accept([_job(state, again=turn) for state in ended])
    groups.asked(states)
    return len(states)


def _job(state: GroupState, **again: int) -> Job:
    """Return the job that updates the event of a group; of the same firings told it is the same one."""
    return Job(
        UPDATE,
        {"group": state.id, "after": state.told, **again},
        producer=PRODUCER,
        title=f"event {state.event} is told of the firings of {state.label}",
    )


def update(claim: Claim, threatq: ThreatQ, groups: Groups, options: DialectOptions) -> Settlement:
    """Tell an event of the firings of its group; where it is gone, the next firing makes a new one.

    Raises what `tell_event` does, but for EventGone.
    """
    group_id = str(claim.known_arguments()["group"])
    state = groups.state(group_id)
    if state is None or not state.event:
        return done(claim, EventResult(warnings=("its group is kept no more",)))
    values = groups.values(group_id)
    link = threatq.link("events", state.event)
    group = GroupRef(group_id, state.label, limited=state.is_limited, firings=state.count)
    try:
        warnings = tell_event(threatq, state.event, state.source, _news(claim, state, values, options))
    except EventGone as error:
        log.warning("event of a group is gone", event_id=state.event, firings=state.count)
        warning = f"{error}: of its last {state.count - state.told} firings nothing is told there"
        closed = GroupTold(group_id, state.count, len(values), groups.update_ms, is_closed=True)
        return done(claim, EventResult(warnings=(warning,), group=group), closed)
    result = EventResult(event_id=state.event, link=link, existing=True, warnings=warnings, group=group)
    return done(claim, result, GroupTold(group_id, state.count, len(values), groups.update_ms))


def _news(claim: Claim, state: GroupState, values: Mapping[str, int], options: DialectOptions) -> EventNews:
    return EventNews(
        title=f"Source {state.source} was limited: {counted(state.count, 'firing')}"
        if state.is_limited
        else "",
        attributes=(
            Attribute(FIRINGS, str(state.count)),
            Attribute(FIRST_SEEN, state.first),
            Attribute(LAST_SEEN, state.last),
            *((Attribute(SEVERITY, state.severity),) if state.severity else ()),
        ),
        summary=summary_of(state, values),
        room=options.max_description_chars,
        values=_request(claim, state, values) if len(values) > state.told_values else None,
    )


def _request(claim: Claim, state: GroupState, values: Mapping[str, int]) -> EventRequest:
    is_to_blame = claim.solo_failures >= MOST_SOLO_FAILURES
    return EventRequest(claim.id, plan_of_values(list(values), state.source), blame_item=is_to_blame)


def summary_of(state: GroupState, values: Mapping[str, int]) -> str:
    """Return what the description says of a group: how many firings, when, and with which values."""
    what = "limited " if state.is_limited else ""
    lines = [f"{state.count:,} {what}firings of {state.label}, from {state.first} to {state.last} (UTC)."]
    shown = sorted(values.items(), key=lambda item: (-item[1], item[0]))[:MOST_SHOWN]
    if shown:
        lines.append(f"Values that came most often, of {len(values):,} that are kept:")
        lines += [f"- {value_in_words(value)}: {times:,} times" for value, times in shown]
    if state.more:
        lines.append(f"Other values, beyond those that a group keeps, came {state.more:,} times.")
    return "\n".join(lines)
