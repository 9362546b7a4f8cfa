"""Jobs: found, shown with their history, replayed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from starlette.responses import Response

from producers.http.job_list import job_filter
from producers.http.problems import Problem
from producers.http.ui import render
from producers.http.ui.session import PageRequest
from workers.core.errors import InputError
from workers.core.jobs import KINDS, QUEUES
from workers.core.results import ActionResult, EventResult
from workers.core.text import counted
from workers.ledger.connection import now_ms
from workers.ledger.dead_retention import DeadRetention
from workers.ledger.job_list import JobFilter, list_jobs
from workers.ledger.ledger import Ledger
from workers.ledger.records import Record

#: Jobs on one page of a list.
SHOWN = 100

#: Jobs that a list looks at, and seconds that it takes, at most; what is left is a click away.
SCANNED, WITHIN_S = 20_000, 3.0

#: The lists of jobs: what the address calls them, and their titles.
LISTS = {
    "open": "Open jobs",
    "dead": "Dead letters",
    "refused": "Refused in the last day",
    "done": "Done jobs",
    "running": "Running jobs",
    "waiting": "Jobs that were put off",
    "all": "All jobs",
}

#: The fields of the form, by what the address calls them.
_FIELDS = ("list", "kind", "queue", "sender", "entry", "since", "until", "q")


def find(page_request: PageRequest) -> Response:
    """Answer the jobs that the filters let through."""
    asked = {name: page_request.asked(name).strip() for name in _FIELDS}
    text = asked["q"]
    if asked["list"] not in LISTS:
        asked["list"] = "all" if text else "open"
    admin = page_request.context.admin
    try:
        wanted = _filter(asked)
        page = list_jobs(
            admin.redis,
            wanted,
            most=SHOWN,
            cursor=page_request.asked("cursor"),
            scan=SCANNED,
            within_s=WITHIN_S,
        )
    except InputError as error:
        raise Problem(400, "bad_query", str(error)) from error
    if text and (page.ids == [text] or admin.marker(text)):
        return render.go_to(f"/jobs/{text}")
    filters = {name: value for name, value in asked.items() if value}
    return page_request.html(
        "jobs.html",
        title=f"Jobs that say “{text}”" if text else LISTS[asked["list"]],
        asked=asked,
        name="" if set(filters) - {"list"} else asked["list"],
        is_filtered=bool(set(filters) - {"list", "q"}),
        lists=LISTS,
        kinds=tuple(KINDS),
        queues=QUEUES,
        jobs=list(admin.records(page.ids)),
        note=_soon_forgotten(page_request) if asked["list"] == "dead" else "",
        looked=counted(page.scanned, "job"),
        next_page=urlencode({**filters, "cursor": page.cursor}) if page.cursor else "",
        first_page=urlencode(filters) if page_request.asked("cursor") else "",
        query=text,
    )


def _filter(asked: dict[str, str]) -> JobFilter:
    state = "" if asked["list"] == "all" else asked["list"]
    return job_filter({**asked, "state": state, "text": asked["q"]})


def _soon_forgotten(page_request: PageRequest) -> str:
    """Return what is forgotten soon of the dead letters, "" for nothing."""
    context = page_request.context
    return DeadRetention(context.admin.redis, context.settings).warning(now_ms(context.admin.redis))


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
    """Open the ticked dead letters again, or all that are shown."""
    admin, caller = page_request.admin, page_request.session.caller.name
    shown = page_request.field("shown").split()
    ids = shown if page_request.field("all") else page_request.fields("id")
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
