"""`POST /v1/actions/…`: an analyst's actions for tools that would rather call HTTP than run a command."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from producers.http.context import HttpContext, answer, known_jobs, outcome_problem, sender_key, trace
from producers.http.events import reused
from producers.http.problems import Problem, from_away
from producers.http.request import READ_ASIDE, read_body
from producers.http.schemas import Outcome
from producers.http.tokens import TokenHolder
from workers.actions.check import check_action
from workers.core.errors import InputError, SlowedDown
from workers.core.jobs import Job
from workers.ledger.accept import Accepted
from workers.ledger.known_jobs import KnownJob
from workers.ledger.known_names import KnownNames
from workers.payload.actions import fields_of, read_action, title
from workers.payload.options import DialectOptions

#: The last part of the path and the kind of job that it asks for.
ACTIONS = {
    "add": "indicators.add",
    "lookup": "indicators.lookup",
    "mark": "indicators.mark",
    "whitelist": "indicators.whitelist",
    "sighting": "sightings.add",
}

#: Seconds that a request may wait for its outcome; NiFi's client gives up after 15.
LONGEST_WAIT_S = 60.0

#: Seconds after which it is looked whether waiting makes sense; an idle worker answers sooner.
FIRST_LOOK_S = 1.0

#: Bytes of an action's body.
_MOST_BYTES = 65_536


async def post_action(context: HttpContext, request: Request, caller: TokenHolder) -> Response:
    """Accept an action; with `?wait=SECONDS` answer its outcome where it comes in time."""
    kind = ACTIONS.get(request.path_params["action"])
    if kind is None:
        raise Problem(404, "not_found", f"there is no such action; there are {', '.join(ACTIONS)}")
    wait_s = _wait(request)
    job = await _job(context, kind, request, caller)
    accepted = await _accept(context, job)
    known = (await known_jobs(context, [accepted])).get(accepted.id, KnownJob())
    if known.status == "queued" and wait_s:
        known = await _awaited(context, job.kind.queue, accepted.id, wait_s)
    if problem := outcome_problem(accepted.id, known):
        raise problem
    body = Outcome(
        id=accepted.id,
        status=known.status,
        duplicate=not accepted.created,
        status_url=f"/v1/jobs/{accepted.id}",
        result=known.note,
    )
    return answer(body, 200 if known.state == "done" else 202)


async def _awaited(context: HttpContext, queue: str, job_id: str, wait_s: float) -> KnownJob:
    """Return what becomes of a job; while its queue is paused, that, after a moment."""
    entry = await context.waiters.outcome(job_id, min(wait_s, FIRST_LOOK_S))
    if entry is None and (why := await run_in_threadpool(context.admin.why_paused, queue)):
        return KnownJob(note={"reason": why})
    if entry is None and wait_s > FIRST_LOOK_S:
        entry = await context.waiters.outcome(job_id, wait_s - FIRST_LOOK_S)
    return KnownJob(entry.state, entry.note) if entry else KnownJob()


async def _accept(context: HttpContext, job: Job) -> Accepted:
    try:
        (accepted,) = await context.accept([job])
    except SlowedDown as error:
        # An analyst's tool, unlike NiFi, knows what this status means.
        raise from_away(error, busy_status=429) from error
    if accepted.conflict:
        raise reused([job], accepted.id)
    return accepted


async def _job(context: HttpContext, kind: str, request: Request, caller: TokenHolder) -> Job:
    data = await read_body(request, most_bytes=_MOST_BYTES)
    if not data.strip():
        raise Problem(
            400, "empty", f"the body is empty; send a JSON object with {', '.join(fields_of(kind))}"
        )
    read = partial(_arguments, kind, data, await context.names("enrichment"), context.dialect)
    arguments = await run_in_threadpool(read) if len(data) > READ_ASIDE else read()
    return Job(
        kind,
        arguments,
        producer="http",
        sender=caller.name,
        title=title(kind, arguments),
        trace=trace(request),
        key=sender_key(request, caller),
    )


def _arguments(kind: str, data: bytes, names: KnownNames, dialect: DialectOptions) -> dict[str, Any]:
    try:
        arguments = read_action(kind, _decoded(data))
        check_action(kind, arguments, names, dialect)
        return arguments
    except (ValueError, RecursionError) as error:
        raise Problem(400, "not_json", f"the body is not JSON: {error}") from error
    except InputError as error:
        raise Problem(422, "invalid_action", str(error)) from error


def _decoded(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        # Half a surrogate pair is JSON that only the careful reader takes; it is refused by the name of its field.
        if b"\\u" not in data:
            raise
        return json.loads(data)


def _wait(request: Request) -> float:
    text = request.query_params.get("wait", "0")
    try:
        wait_s = float(text)
    except ValueError:
        wait_s = -1.0
    if not 0 <= wait_s <= LONGEST_WAIT_S:
        raise Problem(400, "bad_query", f"wait must be a number of seconds from 0 to {LONGEST_WAIT_S:.0f}")
    return wait_s
