"""Jobs: found, shown with their history, replayed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.responses import Response

from producers.http.problems import Problem
from producers.http.ui import render
from producers.http.ui.session import PageRequest
from workers.core.results import ActionResult, EventResult
from workers.core.text import counted
from workers.ledger.connection import now_ms
from workers.ledger.dead_retention import DeadRetention
from workers.ledger.ledger import Ledger
from workers.ledger.records import Record, State
from workers.ledger.search import search

#: Jobs on one page of a list.
SHOWN = 100

#: Digits of the number of a page, above which it is the first.
MOST_DIGITS = 8

#: Characters of what is searched for, and seconds that a search may take.
MOST_SEARCHED, SEARCH_WITHIN_S = 200, 3.0

#: The lists of jobs: the address's word, its title, and the state that it lists.
LISTS: dict[str, tuple[str, State]] = {
    "open": ("Open jobs", "accepted"),
    "dead": ("Dead letters", "dead"),
    "refused": ("Refused in the last day", "refused"),
    "done": ("Done jobs", "done"),
}


def find(page_request: PageRequest) -> Response:
    """Answer the jobs that say something, or those of one state."""
    text = page_request.asked("q").strip()
    if text:
        return _found(page_request, text)
    name = page_request.asked("list")
    title, state = LISTS.get(name, LISTS["open"])
    admin, page = page_request.context.admin, _page(page_request.asked("page"))
    return page_request.html(
        "jobs.html",
        title=title,
        name=name if name in LISTS else "open",
        jobs=list(admin.records(admin.ids(state, most=SHOWN, skip=(page - 1) * SHOWN))),
        note=_soon_forgotten(page_request) if name == "dead" else "",
        shown=SHOWN,
        page=page,
    )


def _soon_forgotten(page_request: PageRequest) -> str:
    """Return what is forgotten soon of the dead letters, "" for nothing."""
    context = page_request.context
    return DeadRetention(context.admin.redis, context.settings).warning(now_ms(context.admin.redis))


def _page(text: str) -> int:
    """Return the number of a page as it was asked for, from 1."""
    return max(1, int(text)) if text.isdecimal() and len(text) < MOST_DIGITS else 1


def _found(page_request: PageRequest, text: str) -> Response:
    if len(text) > MOST_SEARCHED:
        raise Problem(400, "bad_query", f"search for {MOST_SEARCHED} characters at most")
    result = search(page_request.context.admin.redis, text, most=SHOWN, within_s=SEARCH_WITHIN_S)
    if result.ids == [text] or page_request.context.admin.marker(text):
        return render.go_to(f"/jobs/{text}")
    note = f"{counted(result.scanned, 'job')} looked at"
    if result.more:
        note += "; others were not looked at. The whole id of a job finds it among any number of jobs"
    return page_request.html(
        "jobs.html",
        title=f"Jobs that say “{text}”",
        name="",
        jobs=list(page_request.context.admin.records(result.ids)),
        note=note,
        shown=SHOWN,
        query=text,
    )


def show(page_request: PageRequest) -> Response:
    """Answer all that is known of one job."""
    admin, job_id = page_request.context.admin, page_request.request.path_params["id"]
    record = admin.record(job_id)
    if record is None and (marker := admin.marker(job_id)):
        raise Problem(410, "gone", f"this job is {marker.sentence}")
    if record is None:
        raise Problem(404, "not_found", "no such job is known; done jobs are forgotten after some months")
    return page_request.html(
        "job.html",
        job=record,
        arguments=admin.arguments(job_id),
        link=link_of(record),
        entries=entries(record),
    )


def replay(page_request: PageRequest) -> Response:
    """Open the ticked dead letters again, or all of them."""
    admin, caller = page_request.admin, page_request.session.caller.name
    skip = (_page(page_request.field("page")) - 1) * SHOWN
    ids = admin.ids("dead", most=SHOWN, skip=skip) if page_request.field("all") else page_request.fields("id")
    opened = admin.replay(ids, note={"reason": f"replayed by {caller}"}) if ids else []
    for queue in {record.queue for record in admin.records(opened)}:
        Ledger(admin.redis).wake(queue)
    sentence = (
        f"{counted(len(opened), 'job')} will be tried again."
        if opened
        else "Nothing was ticked that can be replayed."
    )
    return page_request.done(sentence, _back(page_request))


def entries(record: Record) -> Iterator[tuple[int, str, list[tuple[str, Any]], str]]:
    """Yield the history for the page: when, the state, what was noted, and the traceback."""
    for entry in record.history:
        note = {name: value for name, value in entry.note.items() if value not in ("", None)}
        traceback = str(note.pop("traceback", ""))
        yield entry.at_ms, entry.state, list(note.items()), traceback


def link_of(record: Record) -> str:
    """Return where the outcome is in ThreatQ; "" for nowhere, and for what is no web address."""
    outcome = record.outcome
    if isinstance(outcome, ActionResult):
        link = outcome.indicator.link if outcome.indicator else ""
    else:
        link = outcome.link if isinstance(outcome, EventResult) else ""
    return link if urlsplit(link).scheme in ("http", "https") else ""


def _back(page_request: PageRequest) -> str:
    """Return the page that the form was sent from."""
    if page_request.field("from") == "job":
        return "/jobs/" + quote(page_request.field("id"), safe="")
    return "/" if page_request.field("from") == "home" else "/jobs?list=dead"
