"""`GET /v1/jobs`: jobs by state, kind, queue, sender, entry, time and text, page by page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from producers.http.context import HttpContext, answer
from producers.http.jobs import status_of
from producers.http.problems import Problem
from producers.http.schemas import JobList
from producers.http.tokens import TokenHolder
from workers.core.errors import InputError
from workers.core.jobs import KINDS, QUEUES
from workers.ledger.job_list import WANTED, JobFilter, list_jobs

#: Jobs that one answer has, at most and by default, and characters of a text that is looked for.
MOST_LISTED, LISTED, MOST_TEXT = 200, 50, 200

#: What may be asked for beside a filter.
_PLACE = ("limit", "cursor")

#: The filters whose values are names that there are.
_NAMES: dict[str, tuple[str, ...]] = {"state": WANTED, "kind": tuple(KINDS), "queue": QUEUES}

_FILTERS = (*_NAMES, "entry", "sender", "since", "until", "text")


async def get_jobs(context: HttpContext, request: Request, _caller: TokenHolder) -> Response:
    """Answer some of the jobs that match, and where to go on."""
    asked = dict(request.query_params)
    if unknown := asked.keys() - {*_FILTERS, *_PLACE}:
        known = ", ".join((*_FILTERS, *_PLACE))
        raise Problem(400, "bad_query", f"{', '.join(sorted(unknown))[:60]}: not known; there are {known}")
    return answer(await run_in_threadpool(_listed, context, asked))


def _listed(context: HttpContext, asked: Mapping[str, str]) -> JobList:
    redis = context.admin.redis
    try:
        page = list_jobs(redis, job_filter(asked), most=_limit(asked), cursor=asked.get("cursor", ""))
    except InputError as error:
        raise Problem(400, "bad_query", str(error)) from error
    jobs = [status_of(record) for record in context.admin.records(page.ids)]
    return JobList(jobs, page.cursor, page.scanned)


def job_filter(asked: Mapping[str, str]) -> JobFilter:
    """Return the filter that a query asks for; raises InputError for a value that cannot be."""
    for name, values in _NAMES.items():
        if asked.get(name, "") not in ("", *values):
            raise InputError(f"must be one of {', '.join(filter(None, values))}", field=name)
    text = asked.get("text", "").strip()
    if len(text) > MOST_TEXT:
        raise InputError(f"has {MOST_TEXT} characters at most", field="text")
    state = next(known for known in WANTED if known == asked.get("state", ""))
    return JobFilter(
        state=state,
        kind=asked.get("kind", ""),
        queue=asked.get("queue", ""),
        sender=asked.get("sender", ""),
        entry=asked.get("entry", ""),
        since_ms=_ms(asked, "since"),
        until_ms=_ms(asked, "until"),
        text=text,
    )


def _ms(asked: Mapping[str, str], name: str) -> int | None:
    """Return a time in ms; without an offset it is UTC."""
    text = asked.get(name, "")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        whole = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0, int(whole.timestamp() * 1000))
    except (ValueError, OverflowError) as error:
        raise InputError("is no time; write 2026-11-27T10:00:00Z", field=name) from error


def _limit(asked: Mapping[str, str]) -> int:
    text = asked.get("limit", str(LISTED))
    if not (text.isascii() and text.isdecimal() and len(text) < 5 and 1 <= int(text) <= MOST_LISTED):
        raise InputError(f"must be a number from 1 to {MOST_LISTED}", field="limit")
    return int(text)
