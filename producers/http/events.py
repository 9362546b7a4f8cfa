"""`POST /v1/events`: payloads in whatever form they come become jobs, or are refused with the reason.

`POST /v1/events:validate` says what a payload would become, for those who build a flow, and accepts nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from producers.http.context import HttpContext, answer, flag, known_jobs, refuse_misspelt, sender_key, trace
from producers.http.problems import KEY_REUSED, Problem, reused
from producers.http.request import ON_LOOP_S, READ_ASIDE, header, read_body
from producers.http.schemas import BatchQueued, Checked, Item, ItemError, Queued, Validation
from producers.http.tokens import TokenHolder
from producers.http.waiting import awaited, outcome_problem, status_of, wait_of
from workers.core.errors import InputError
from workers.core.jobs import Job, compact
from workers.ledger.accept import Accepted
from workers.ledger.known_jobs import KnownJob
from workers.ledger.quarantine import Unreadable
from workers.mappings.time_limit import OutOfTime, at_most
from workers.payload.cloudevents import key_of
from workers.payload.intake import Intake, RejectedPayload, TooManyPayloads, accepted_only, refused_only
from workers.payload.json_text import escape_unfit
from workers.payload.mapped import mapping_name, mapping_of
from workers.payload.planning import plan_now

#: What the status of a refusal is where nothing of a request can be used.
_STATUS = {"empty": 400, "not_json": 400, "too_large": 413}

_NEW = KnownJob()


async def post_events(context: HttpContext, request: Request, caller: TokenHolder) -> Response:
    """Accept what can be accepted of the body; all or nothing with `?atomic=true`, all by one with `?mapping=`."""
    refuse_misspelt(request, "atomic", "mapping", "wait")
    atomic, wait_s = flag(request, "atomic"), wait_of(request)
    data = await _body(context, request)
    key = sender_key(request, caller) or _cloud_event_key(request)
    parts = await _read(context, data, key=key, trace=trace(request), mapping=_mapping(request))
    for job in accepted_only(parts):
        job.sender = caller.name
    refused = refused_only(parts)
    if len(refused) == len(parts) or (atomic and refused):
        raise refusal(refused, alone=len(parts) == 1)
    if len(parts) == 1 and data.lstrip()[:1] != b"[":
        return await _accept_one(context, caller, accepted_only(parts)[0], wait_s)
    jobs = accepted_only(parts)
    answers = await context.accept(jobs, whole=atomic)
    if atomic and answers[0].conflict:
        raise reused(jobs, answers[0].id)
    return await _answer_many(context, caller, parts, answers, wait_s)


async def _body(context: HttpContext, request: Request) -> bytes:
    most_bytes = context.settings.http_max_body_bytes
    data = await read_body(request, most_bytes=most_bytes, bodies=context.bodies)
    context.metrics_.bytes.inc(len(data))
    return data


async def _read(
    context: HttpContext, data: bytes, *, key: str = "", trace: str = "", mapping: str = ""
) -> list[Job | RejectedPayload]:
    """Read a small body on the event loop, as far as the others that wait for it are not kept waiting."""
    most = context.settings.http_max_items
    intake = await context.reader()

    def read() -> list[Job | RejectedPayload]:
        named = _named(intake, mapping) if mapping else ""
        return intake.jobs(data, key=key, trace=trace, most=most, mapping=named)

    try:
        is_small = len(data) <= READ_ASIDE
        parts = _at_once(read) if is_small else None
        return await context.bodies.aside(read, slow=is_small) if parts is None else parts
    except TooManyPayloads as error:
        raise Problem(
            413,
            "too_many_items",
            f"more than {most} payloads in one request, the limit (TQ_HTTP_MAX_ITEMS); send smaller batches",
        ) from error


def _at_once(read: Callable[[], list[Job | RejectedPayload]]) -> list[Job | RejectedPayload] | None:
    """Return what `read` does, None where it would keep other requests waiting for too long."""
    try:
        with at_most(ON_LOOP_S):
            return read()
    except OutOfTime:
        return None


def _mapping(request: Request) -> str:
    """Return the mapping that a request names, "" for none."""
    return request.query_params.get("mapping", "") if request.scope["query_string"] else ""


def _named(intake: Intake, name: str) -> str:
    """Return the name of a mapping that there is; raises Problem where there is none."""
    try:
        return intake.mappings.current().named(name).name
    except InputError as error:
        raise Problem(400, "bad_query", escape_unfit(str(error))) from error


def refusal(refused: Sequence[RejectedPayload], *, alone: bool) -> Problem:
    """Return what is answered when nothing of a request is accepted; the first reason leads."""
    first = refused[0]
    status = 422 if any(rejected.code not in _STATUS for rejected in refused) else _STATUS[first.code]
    return Problem(
        status,
        first.code,
        first.detail if alone else f"item {first.position}: {first.detail}",
        errors=[
            ItemError(rejected.position - 1, rejected.code, rejected.detail, rejected.field)
            for rejected in refused
        ],
    )


async def _accept_one(context: HttpContext, caller: TokenHolder, job: Job, wait_s: float) -> Response:
    (accepted,) = await context.accept([job])
    if accepted.conflict:
        raise reused([job], accepted.id)
    _count_duplicates(context, caller, [accepted])
    known = (await _stand(context, [accepted], wait_s)).get(accepted.id, _NEW)
    if wait_s and (problem := outcome_problem(accepted.id, known)):
        raise problem
    return answer(queued(job, accepted, known), status_of(known) if wait_s else 202)


async def _stand(context: HttpContext, answers: Sequence[Accepted], wait_s: float) -> dict[str, KnownJob]:
    """Return how jobs stand: those that were known before, and within `wait_s` seconds the others."""
    known = await known_jobs(context, answers)
    if not wait_s:
        return known
    queued_ids = [accepted.id for accepted in answers if known.get(accepted.id, _NEW).status == "queued"]
    return known | await awaited(context, "events", queued_ids, wait_s)


def queued(job: Job, accepted: Accepted, known: KnownJob) -> Queued:
    """Return what is answered for one job, which stands as `known` says."""
    return Queued(
        id=accepted.id,
        status=known.status,
        duplicate=not accepted.created,
        status_url=f"/v1/jobs/{accepted.id}",
        event_id=known.event_id,
        link=known.link,
        reason=known.reason,
        warnings=job.warnings,
    )


async def _answer_many(
    context: HttpContext,
    caller: TokenHolder,
    parts: Sequence[Job | RejectedPayload],
    answers: Sequence[Accepted],
    wait_s: float,
) -> Response:
    """Keep the bad ones, after the good are accepted: else a refusal by Redis would leave only the bad."""
    coming = iter(answers)
    outcomes = [(part, None if isinstance(part, RejectedPayload) else next(coming)) for part in parts]
    good = [accepted for _, accepted in outcomes if accepted and not accepted.conflict]
    if not good:
        raise reused(accepted_only(parts), answers[0].id)
    bad = [
        _unreadable(part, accepted, caller)
        for part, accepted in outcomes
        if not accepted or accepted.conflict
    ]
    kept_ids = await context.ledger.keep(bad)
    batch_id = os.urandom(12).hex()
    await context.ledger.note_batch(batch_id, [accepted.id for accepted in good], refused=kept_ids)
    _count_duplicates(context, caller, good)
    known = await _stand(context, good, wait_s)
    kept = iter(zip(bad, kept_ids, strict=True))
    items = [
        _accepted_item(index, part, accepted, known.get(accepted.id), waited=wait_s > 0)
        if isinstance(part, Job) and accepted and not accepted.conflict
        else _refused_item(index, part, *next(kept))
        for index, (part, accepted) in enumerate(outcomes)
    ]
    return answer(
        BatchQueued(
            batch_id=batch_id,
            errors=bool(bad),
            total_count=len(items),
            success_count=len(good),
            failure_count=len(bad),
            items=items,
            status_url=f"/v1/batches/{batch_id}",
        ),
        200 if all(item.status == 200 for item in items) else 202,
    )


def _accepted_item(index: int, job: Job, accepted: Accepted, known: KnownJob | None, *, waited: bool) -> Item:
    item = Item(index, 202, id=accepted.id, duplicate=not accepted.created, warnings=job.warnings)
    if known is None:
        return item
    item = replace(item, state=known.status, event_id=known.event_id, link=known.link)
    return replace(item, status=status_of(known), detail=known.reason) if waited else item


def _refused_item(index: int, part: Job | RejectedPayload, kept: Unreadable, quarantine_id: str) -> Item:
    field = part.field if isinstance(part, RejectedPayload) else ""
    return Item(index, 422, code=kept.code, detail=kept.reason, field=field, quarantine_id=quarantine_id)


def _unreadable(part: Job | RejectedPayload, accepted: Accepted | None, caller: TokenHolder) -> Unreadable:
    if isinstance(part, RejectedPayload):
        return Unreadable("http", caller.name, part.code, part.detail, part.raw, part.mapping)
    reason = reused([part], accepted.id if accepted else "").detail
    raw = compact(part.arguments["payload"])
    return Unreadable("http", caller.name, KEY_REUSED, reason, raw, mapping_name(part.arguments))


def _cloud_event_key(request: Request) -> str:
    """Return the key of a CloudEvent whose envelope is in the headers."""
    source, event_id = header(request, b"ce-source"), header(request, b"ce-id")
    return key_of(source, event_id) if source and event_id else ""


def _count_duplicates(context: HttpContext, caller: TokenHolder, accepted: Sequence[Accepted]) -> None:
    if duplicates := sum(not job.created for job in accepted):
        context.metrics_.duplicates.labels(caller.name).inc(duplicates)


async def post_validate(context: HttpContext, request: Request, _caller: TokenHolder) -> Response:
    """Answer the plan of each payload, or why there is none."""
    refuse_misspelt(request, "mapping")
    results = await _read(context, await _body(context, request), mapping=_mapping(request))
    items = await context.bodies.aside(lambda: [_checked(context, *place) for place in enumerate(results)])
    return answer(Validation(all(item.valid for item in items), len(items), items))


def _checked(context: HttpContext, index: int, result: Job | RejectedPayload) -> Checked:
    if isinstance(result, RejectedPayload):
        return Checked(index, False, code=result.code, detail=result.detail, field=result.field)
    plan = plan_now(result, context.dialect)
    arguments = result.arguments
    return Checked(
        index, True, id=result.id, payload=arguments["payload"], plan=plan, mapping=mapping_of(arguments)
    )
