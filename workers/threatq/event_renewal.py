"""A job that was done is done again by a corrected mapping: its event gets what the mapping says now."""

from __future__ import annotations

from typing import Any

from workers.threatq.client import Json, rows
from workers.threatq.errors import ServiceRefusal
from workers.threatq.event_draft import JOB_ATTRIBUTE, Draft
from workers.threatq.objects import attributes_in
from workers.threatq.service import ThreatQ


def renew(threatq: ThreatQ, draft: Draft) -> bool:
    """Take the event that the job made before, whatever it is called by now, and bring it up to date.

    What the earlier mapping gave beside title, type, time and description stays. False where ThreatQ has the event no
    more, or not as that of this job; then it is looked for as after any other attempt.
    """
    event_id = draft.request.event_id
    row = _read(threatq, event_id)
    if row is None or (JOB_ATTRIBUTE, draft.request.job_id) not in attributes_in(row):
        return False
    draft.adopt(row)
    if change := _change(threatq, draft, row):
        threatq.caller.call("PUT", f"/api/events/{event_id}", json=change)
    return True


def _read(threatq: ThreatQ, event_id: int) -> Json | None:
    try:
        answer = threatq.caller.call("GET", f"/api/events/{event_id}", params={"with": "attributes"})
    except ServiceRefusal as error:
        if error.is_absent:
            return None
        raise
    return next(iter(rows(answer)), None)


def _change(threatq: ThreatQ, draft: Draft, row: Json) -> dict[str, Any]:
    """Return what of the event is not as the plan has it."""
    plan = draft.plan
    wanted: dict[str, Any] = {
        "title": plan.title,
        "happened_at": plan.happened_at,
        "description": plan.description,
        "type_id": threatq.lookups.event_type(plan.type),
    }
    there = {**row, "happened_at": str(row.get("happened_at", ""))[:19].replace("T", " ")}
    return {name: value for name, value in wanted.items() if value is not None and there.get(name) != value}
