"""`POST /v1/events`: payloads in whatever form they come become jobs, or are refused with the reason."""

from __future__ import annotations

import os
from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from producers.http.body import read_body
from producers.http.door import Door, answer, flag, sender_key, trace
from producers.http.headers import header
from producers.http.problems import Problem
from producers.http.shapes import BatchQueued, Item, ItemError, Queued
from producers.http.tokens import Caller
from workers.intake import Refused, accepted_only, refused_only
from workers.jobs import Job, compact
from workers.ledger.accept import Accepted
from workers.ledger.quarantine import Unreadable
from workers.payload.cloudevents import is_key, key_of

#: Bytes above which a body is read in a thread, so that reading it keeps nobody else waiting.
_READ_ASIDE = 262_144

#: What the status of a refusal is where nothing of a request can be used.
_STATUS = {"empty": 400, "not_json": 400, "too_large": 413}

_KEY_REUSED = "key_reused"


async def post_events(door: Door, request: Request, caller: Caller) -> Response:
    """Accept what can be accepted of the body; all or nothing with `?atomic=true`."""
    atomic = flag(request, "atomic")
    data = await _body(door, request)
    key = sender_key(request, caller) or _cloud_event_key(request)
    found = await _read(door, data, key=key, trace=trace(request))
    refused = refused_only(found)
    if len(refused) == len(found) or (atomic and refused):
        raise refusal(refused, alone=len(found) == 1)
    if len(found) == 1 and data.lstrip()[:1] != b"[":
        return await _accept_one(door, caller, accepted_only(found)[0])
    jobs = accepted_only(found)
    answers = await (door.ledger.accept_whole(jobs) if atomic else door.ledger.accept(jobs))
    if atomic and answers[0].conflict:
        raise reused(jobs, answers[0].id)
    return await _answer_many(door, caller, found, answers)


async def _body(door: Door, request: Request) -> bytes:
    data = await read_body(request, most_bytes=door.settings.http_max_body_bytes)
    door.meters.bytes.inc(len(data))
    return data


async def _read(door: Door, data: bytes, *, key: str, trace: str) -> list[Job | Refused]:
    if len(data) > _READ_ASIDE:
        found = await run_in_threadpool(door.intake.jobs, data, key=key, trace=trace)
    else:
        found = door.intake.jobs(data, key=key, trace=trace)
    check_count(door, len(found))
    return found


def check_count(door: Door, count: int) -> None:
    """Raise Problem for more items than one request may hold."""
    if count > door.settings.http_max_items:
        raise Problem(
            413,
            "too_many_items",
            f"{count} payloads in one request, the limit is {door.settings.http_max_items} "
            "(TQ_HTTP_MAX_ITEMS); send smaller batches",
        )


def refusal(refused: Sequence[Refused], *, alone: bool) -> Problem:
    """Return what is answered when nothing of a request is accepted; the first reason leads."""
    first = refused[0]
    status = 422 if any(one.code not in _STATUS for one in refused) else _STATUS[first.code]
    return Problem(
        status,
        first.code,
        first.detail if alone else f"item {first.position}: {first.detail}",
        errors=[ItemError(one.position - 1, one.code, one.detail, one.field) for one in refused],
    )


async def _accept_one(door: Door, caller: Caller, job: Job) -> Response:
    (accepted,) = await door.ledger.accept([job])
    if accepted.conflict:
        raise reused([job], accepted.id)
    _count_duplicates(door, caller, [accepted])
    return answer(queued(job, accepted), 202)


def queued(job: Job, accepted: Accepted) -> Queued:
    """Return what is answered for one job."""
    return Queued(
        id=accepted.id,
        status="queued",
        duplicate=not accepted.created,
        status_url=f"/v1/jobs/{accepted.id}",
        warnings=job.warnings,
    )


async def _answer_many(
    door: Door, caller: Caller, found: Sequence[Job | Refused], answers: Sequence[Accepted]
) -> Response:
    """Keep the bad ones, after the good are accepted: else a refusal by Redis would leave only the bad."""
    coming = iter(answers)
    outcomes = [(one, None if isinstance(one, Refused) else next(coming)) for one in found]
    good = [accepted for _, accepted in outcomes if accepted and not accepted.conflict]
    if not good:
        raise reused(accepted_only(found), answers[0].id)
    bad = [
        _unreadable(one, accepted, caller) for one, accepted in outcomes if not accepted or accepted.conflict
    ]
    kept_ids = await door.ledger.keep(bad)
    batch_id = os.urandom(12).hex()
    await door.ledger.note_batch(batch_id, [accepted.id for accepted in good], refused=kept_ids)
    _count_duplicates(door, caller, good)
    kept = iter(zip(bad, kept_ids, strict=True))
    items = [
        _accepted_item(index, one, accepted)
        if isinstance(one, Job) and accepted and not accepted.conflict
        else _refused_item(index, one, *next(kept))
        for index, (one, accepted) in enumerate(outcomes)
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
        202,
    )


def _accepted_item(index: int, job: Job, accepted: Accepted) -> Item:
    return Item(index, 202, id=accepted.id, duplicate=not accepted.created, warnings=job.warnings)


def _refused_item(index: int, one: Job | Refused, kept: Unreadable, quarantine_id: str) -> Item:
    field = one.field if isinstance(one, Refused) else ""
    return Item(index, 422, code=kept.code, detail=kept.reason, field=field, quarantine_id=quarantine_id)


def _unreadable(one: Job | Refused, accepted: Accepted | None, caller: Caller) -> Unreadable:
    if isinstance(one, Refused):
        return Unreadable("http", caller.name, one.code, one.detail, one.raw)
    reason = reused([one], accepted.id if accepted else "").detail
    return Unreadable("http", caller.name, _KEY_REUSED, reason, compact(one.arguments["payload"]))


def reused(jobs: Sequence[Job], job_id: str) -> Problem:
    """Return the refusal of `jobs`, of which one has a key that was used before, for the job `job_id`."""
    if any(is_key(job.key) for job in jobs):
        what = "the CloudEvents source and id were", "give each event an id of its own"
    else:
        what = "the Idempotency-Key was", "send a key of its own"
    return Problem(422, _KEY_REUSED, f"{what[0]} used before for another payload (job {job_id}); {what[1]}")


def _cloud_event_key(request: Request) -> str:
    """Return the key of a CloudEvent whose envelope is in the headers."""
    source, event_id = header(request, b"ce-source"), header(request, b"ce-id")
    return key_of(source, event_id) if source and event_id else ""


def _count_duplicates(door: Door, caller: Caller, accepted: Sequence[Accepted]) -> None:
    if duplicates := sum(not one.created for one in accepted):
        door.meters.duplicates.labels(caller.name).inc(duplicates)
