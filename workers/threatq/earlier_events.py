"""Events that earlier attempts made: looked for by title, several titles in one search where ThreatQ takes that."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from urllib.parse import quote

from workers.threatq.client import Caller, Json, pages, row_id
from workers.threatq.errors import ServiceRefusal
from workers.threatq.event_draft import JOB_ATTRIBUTE, EventRequest
from workers.threatq.objects import attributes_in, attributes_of
from workers.threatq.search import find_pages, is_whole
from workers.threatq.service import ThreatQ

#: How far ThreatQ's clock may be behind a detection's before an earlier attempt's event is overlooked.
CLOCK_SKEW = dt.timedelta(days=1)

#: How long before its acceptance a job's event can have been made: by an acceptance that Redis forgot in a crash.
ACCEPTED_AGAIN = dt.timedelta(hours=1)

_TIME = "%Y-%m-%d %H:%M:%S"

#: Bytes of the titles of one search as they stand in the request line, of which web servers take about 8 kB.
MOST_TITLES_BYTES = 4_000

#: Pages that are read for several titles together; what is not decided by then is looked for by itself.
MOST_PAGES = 5

#: Events among which two are looked for that tell whether a search takes several titles.
NEWEST = 50

#: The newest come first, with the attribute that names their job.
_QUERY = {"with": "attributes", "sort": "-created_at"}


def find_ours(threatq: ThreatQ, requests: Iterable[EventRequest]) -> dict[str, Json]:
    """Return, by job id, the events that earlier attempts made.

    Only a title can be searched for (SPL2), so the rows are read newest first until all are found, or
    until they are older than what is looked for. Index-backed searches lag behind and are not used.
    """
    by_title: dict[str, list[EventRequest]] = {}
    for request in requests:
        by_title.setdefault(request.plan.title, []).append(request)
    if threatq.joins_titles is None and len(by_title) > 1:
        threatq.joins_titles = _takes_joined(threatq.caller)
    events: dict[str, Json] = {}
    decided: set[str] = set()
    for titles in _together(by_title) if threatq.joins_titles else ():
        events_of_all = _search(threatq, titles, by_title)
        if events_of_all is not None:
            events.update(events_of_all)
            decided.update(titles)
    for title, wanted in by_title.items():
        if title not in decided:
            events.update(_walk(threatq.caller, [title], wanted)[0])
    return events


def _takes_joined(caller: Caller) -> bool | None:
    """Learn from two events that are there whether one search finds either of two titles; None where there are no two.

    That a comma stands for "or" is seen in one client only (SPL2); a server that takes it for a part of the title finds
    nothing, and each title stays a search of its own. It costs two calls, once in a process's life.
    """
    newest = next(pages(caller, "/api/events", {"sort": "-created_at"}, size=NEWEST), [])
    titles = {
        str(row.get("title")): row_id(row)
        for row in reversed(newest)
        if is_whole(str(row.get("title") or ""))
    }
    two = dict(islice(titles.items(), 2))
    if len(two) < 2:
        return None
    page = next(find_pages(caller, "events", "title", list(two), _QUERY), [])
    return set(two.values()) <= {row_id(row) for row in page}


def _together(titles: Iterable[str]) -> Iterator[list[str]]:
    """Yield titles by as many as go into one search; those that need a search term of their own are left out."""
    group: list[str] = []
    size = 0
    for title in filter(is_whole, titles):
        length = len(quote(title)) + 3
        if group and size + length > MOST_TITLES_BYTES:
            yield group
            group, size = [], 0
        group.append(title)
        size += length
    if len(group) > 1:
        yield group


def _search(
    threatq: ThreatQ, titles: Sequence[str], by_title: Mapping[str, Sequence[EventRequest]]
) -> dict[str, Json] | None:
    """Look for the events of several titles at once; None where that did not come to an end."""
    wanted = [request for title in titles for request in by_title[title]]
    try:
        events, is_decided = _walk(threatq.caller, titles, wanted, most=MOST_PAGES)
    except ServiceRefusal:
        threatq.joins_titles = False
        return None
    return events if is_decided else None


def _walk(
    caller: Caller, titles: Sequence[str], wanted: Sequence[EventRequest], *, most: int | None = None
) -> tuple[dict[str, Json], bool]:
    """Read pages until all is found or cannot come any more; return what was, and whether it came to that."""
    jobs = {request.job_id: request.plan.happened_at for request in wanted}
    oldest = _created_after(wanted)
    events: dict[str, Json] = {}
    for number, page in enumerate(find_pages(caller, "events", "title", titles, _QUERY), start=1):
        for row in page:
            if _time(row) in jobs.values():
                events.update(dict.fromkeys(_jobs_of(caller, row) & jobs.keys(), row))
        if len(events) == len(jobs) or (page and all(str(row.get("created_at")) < oldest for row in page)):
            break
        if number == most:
            return events, False
    return events, True


def _created_after(requests: Iterable[EventRequest]) -> str:
    """Return the earliest time at which these events can have been created, "" where no such time is sure.

    An event may be said to happen later than it is created, but none is created long before its job was accepted.
    """
    try:
        moments = [_earliest(request) for request in requests]
    except ValueError:
        return ""
    return (max(min(moments), dt.datetime(2, 1, 1, tzinfo=dt.UTC)) - CLOCK_SKEW).strftime(_TIME)


def _earliest(request: EventRequest) -> dt.datetime:
    """Return when the event of `request` can have been created; raises ValueError where it cannot be told."""
    happened = dt.datetime.strptime(request.plan.happened_at, _TIME).replace(tzinfo=dt.UTC)
    if request.accepted_at is not None:
        return min(happened, request.accepted_at - ACCEPTED_AGAIN)
    if happened > dt.datetime.now(dt.UTC):
        raise ValueError(happened)
    return happened


def _time(row: Json) -> str:
    return str(row.get("happened_at", ""))[:19].replace("T", " ")


def _jobs_of(caller: Caller, row: Json) -> set[str]:
    """Return the ids of the jobs that an event names."""
    pairs = attributes_in(row) if "attributes" in row else attributes_of(caller, row_id(row))
    return {value for name, value in pairs if name == JOB_ATTRIBUTE}
