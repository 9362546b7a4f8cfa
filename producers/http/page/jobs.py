"""Jobs: found, shown with their history, replayed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import structlog
from starlette.responses import Response

from producers.http.page import render
from producers.http.page.visit import Visit
from producers.http.page.words import count
from producers.http.problems import Problem
from workers.ledger.ledger import Ledger
from workers.ledger.records import Record, State
from workers.ledger.search import search

log = structlog.get_logger("tq.http.page")

#: Jobs on one page of a list.
SHOWN = 100

#: The lists of jobs: the address's word, its title, and the state that it lists.
LISTS: dict[str, tuple[str, State]] = {
    "open": ("Open jobs", "accepted"),
    "dead": ("Dead letters", "dead"),
    "done": ("Done jobs", "done"),
}


def find(visit: Visit) -> Response:
    """Answer the jobs that say something, or those of one state."""
    text = visit.asked("q").strip()
    if text:
        return _found(visit, text)
    name = visit.asked("list")
    title, state = LISTS.get(name, LISTS["open"])
    desk = visit.door.desk
    return visit.html(
        "jobs.html",
        title=title,
        name=name if name in LISTS else "open",
        jobs=list(desk.records(desk.ids(state, most=SHOWN))),
        note="",
        shown=SHOWN,
    )


def _found(visit: Visit, text: str) -> Response:
    found = search(visit.door.desk.redis, text, most=SHOWN)
    if found.ids == [text]:
        return render.go_to(f"/jobs/{text}")
    note = f"{count(found.scanned, 'job')} looked at"
    if found.more:
        note += "; there may be more: say more of it"
    return visit.html(
        "jobs.html",
        title=f"Jobs that say “{text}”",
        name="",
        jobs=list(visit.door.desk.records(found.ids)),
        note=note,
        shown=SHOWN,
        query=text,
    )


def show(visit: Visit) -> Response:
    """Answer all that is known of one job."""
    desk, job_id = visit.door.desk, visit.request.path_params["id"]
    record = desk.record(job_id)
    if record is None:
        raise Problem(404, "not_found", "no such job is known; done jobs are forgotten after some days")
    return visit.html(
        "job.html",
        job=record,
        arguments=desk.arguments(job_id),
        link=link_of(record),
        entries=entries(record),
    )


def replay(visit: Visit) -> Response:
    """Open the ticked dead letters again, or all of them."""
    desk = visit.door.desk
    ids = desk.ids("dead", most=SHOWN) if visit.field("all") else visit.fields("id")
    opened = desk.replay(ids, note={"reason": f"replayed by {visit.session.caller.name}"}) if ids else []
    for queue in {record.queue for record in desk.records(opened)}:
        Ledger(desk.redis).ring(queue)
    log.info("replayed", caller=visit.session.caller.name, jobs=opened)
    said = (
        f"{count(len(opened), 'job')} will be tried again."
        if opened
        else "Nothing was ticked that can be replayed."
    )
    return visit.done(said, _back(visit))


def entries(record: Record) -> Iterator[tuple[int, str, list[tuple[str, Any]], str]]:
    """Yield the history for the page: when, the state, what was noted, and the traceback."""
    for entry in record.history:
        note = {name: value for name, value in entry.note.items() if value not in ("", None)}
        traceback = str(note.pop("traceback", ""))
        yield entry.at_ms, entry.state, list(note.items()), traceback


def link_of(record: Record) -> str:
    """Return where the outcome is in ThreatQ; "" for nowhere, and for what is no web address."""
    link = record.result.get("link")
    return link if isinstance(link, str) and urlsplit(link).scheme in ("http", "https") else ""


def _back(visit: Visit) -> str:
    """Return the page that the form was sent from."""
    if visit.field("from") == "job":
        return "/jobs/" + quote(visit.field("id"), safe="")
    return "/" if visit.field("from") == "home" else "/jobs?list=dead"
