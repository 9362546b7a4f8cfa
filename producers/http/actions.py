"""`POST /v1/actions/…`: an analyst's actions for tools that would rather call HTTP than run a command."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from producers.http.context import HttpContext, answer, known_jobs, refuse_misspelt, sender_key, trace
from producers.http.problems import Problem, from_away, reused
from producers.http.request import READ_ASIDE, read_body
from producers.http.schemas import Outcome
from producers.http.tokens import TokenHolder
from producers.http.waiting import awaited, outcome_problem, wait_of
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

#: Bytes of an action's body.
_MOST_BYTES = 65_536


async def post_action(context: HttpContext, request: Request, caller: TokenHolder) -> Response:
    """Accept an action; with `?wait=SECONDS` answer its outcome where it comes in time."""
    kind = ACTIONS.get(request.path_params["action"])
    if kind is None:
        raise Problem(404, "not_found", f"there is no such action; there are {', '.join(ACTIONS)}")
    refuse_misspelt(request, "wait")
    wait_s = wait_of(request)
    job = await _job(context, kind, request, caller)
    accepted = await _accept(context, job)
    known = (await known_jobs(context, [accepted])).get(accepted.id, KnownJob())
    if known.status == "queued" and wait_s:
        known = (await awaited(context, job.kind.queue, [accepted.id], wait_s)).get(accepted.id, known)
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
    await context.reader()
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
