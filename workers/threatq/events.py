"""Events: the body that creates one, and how an earlier attempt's event is found again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from workers.plan import Attribute, EventPlan
from workers.threatq.client import Caller, Json
from workers.threatq.exact import find_pages
from workers.threatq.outcome import EventRequest
from workers.threatq.relations import attribute_items, attributes_in, attributes_of

#: The attribute that tells which job made an event; one payload is one event because it is looked for.
JOB_ATTRIBUTE = "TQ Job ID"
#: How far ThreatQ's clock may be behind a detection's before an earlier attempt's event is overlooked.
CLOCK_SKEW = dt.timedelta(days=1)

_TIME = "%Y-%m-%d %H:%M:%S"


def body(request: EventRequest, extra: Iterable[Attribute], related: Mapping[str, Sequence[int]]) -> Json:
    """Return the item that creates the event with its attributes, source and relations."""
    plan = request.plan
    attributes = all_attributes(request, extra)
    return {
        "title": plan.title,
        "type": {"name": plan.type},
        "happened_at": plan.happened_at,
        "description": plan.description,
        "sources": [{"name": plan.source}],
        "attributes": attribute_items(attributes, plan.source),
        **{collection: [{"id": id_} for id_ in ids] for collection, ids in related.items() if ids},
    }


def all_attributes(request: EventRequest, extra: Iterable[Attribute]) -> list[Attribute]:
    """Return the attributes that the event must have, ours first, none twice."""
    ours = Attribute(JOB_ATTRIBUTE, request.job_id)
    return list(dict.fromkeys((ours, *request.plan.attributes, *extra)))


def identity(plan: EventPlan) -> tuple[str, str, str]:
    """Return what ThreatQ may take for one and the same event (a guess of ours: title, type and time)."""
    return plan.title, plan.type.casefold(), plan.happened_at


def find_ours(caller: Caller, requests: Iterable[EventRequest]) -> dict[str, Json]:
    """Return, by job id, the events that earlier attempts made; one walk for each title.

    Only a title can be searched for (SPL2), so the rows are read newest first until all are found, or
    until they are older than what is looked for. Index-backed searches lag behind and are not used.
    """
    by_title: dict[str, list[EventRequest]] = {}
    for request in requests:
        by_title.setdefault(request.plan.title, []).append(request)
    found: dict[str, Json] = {}
    for title, wanted in by_title.items():
        found.update(_walk(caller, title, wanted))
    return found


def _walk(caller: Caller, title: str, wanted: Sequence[EventRequest]) -> dict[str, Json]:
    jobs = {request.job_id: request.plan.happened_at for request in wanted}
    oldest = _created_after(jobs.values())
    found: dict[str, Json] = {}
    for page in find_pages(caller, "events", "title", title, {"with": "attributes", "sort": "-created_at"}):
        for row in page:
            if _time(row) in jobs.values():
                found.update(dict.fromkeys(_jobs_of(caller, row) & jobs.keys(), row))
        if len(found) == len(jobs) or (page and all(str(row.get("created_at")) < oldest for row in page)):
            break
    return found


def _created_after(times: Iterable[str]) -> str:
    """Return the earliest time at which these events can have been created, "" where no such time is sure."""
    try:
        moments = [dt.datetime.strptime(time, _TIME).replace(tzinfo=dt.UTC) for time in times]
    except ValueError:
        return ""
    if max(moments) > dt.datetime.now(dt.UTC):
        return ""
    return (max(min(moments), dt.datetime(2, 1, 1, tzinfo=dt.UTC)) - CLOCK_SKEW).strftime(_TIME)


def _time(row: Json) -> str:
    return str(row.get("happened_at", ""))[:19].replace("T", " ")


def _jobs_of(caller: Caller, row: Json) -> set[str]:
    """Return the ids of the jobs that an event names."""
    pairs = attributes_in(row) if "attributes" in row else attributes_of(caller, int(row["id"]))
    return {value for name, value in pairs if name == JOB_ATTRIBUTE}
