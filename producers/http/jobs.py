"""`GET /v1/jobs/{id}` and `/v1/batches/{id}`: what became of what was sent."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from producers.http.context import HttpContext, answer
from producers.http.problems import FAILED, Problem
from producers.http.schemas import BatchItem, BatchStatus, JobStatus
from producers.http.tokens import TokenHolder
from workers.ledger.markers import Marker
from workers.ledger.records import Record

_ID = re.compile(r"[0-9a-f]{24}")


async def get_job(context: HttpContext, request: Request, _caller: TokenHolder) -> Response:
    """Answer one job's state and result."""
    job_id = _id(request)
    record = await run_in_threadpool(context.admin.record, job_id)
    if record is not None:
        return answer(status_of(record))
    marker = await run_in_threadpool(context.admin.marker, job_id)
    if marker is None:
        raise Problem(
            404, "not_found", f"no job {job_id} is known; done jobs are forgotten after some months"
        )
    return answer(_status_of_marker(marker))


async def get_batch(context: HttpContext, request: Request, _caller: TokenHolder) -> Response:
    """Answer the state of each job of one request."""
    batch_id = _id(request)
    states = await run_in_threadpool(context.admin.batch_states, batch_id)
    if states is None:
        raise Problem(
            404, "not_found", f"no batch {batch_id} is known; batches are forgotten after some days"
        )
    counts = Counter(state for _, state in states)
    pending = counts["accepted"] + counts["running"] + counts["waiting"]
    return answer(
        BatchStatus(
            id=batch_id,
            status="pending" if pending else "complete",
            total_count=len(states),
            success_count=counts["done"] + counts["forgotten"],
            failure_count=counts["dead"] + counts["refused"],
            pending_count=pending,
            items=[BatchItem(job_id, state) for job_id, state in states],
        )
    )


def _id(request: Request) -> str:
    text: str = request.path_params["id"]
    if not _ID.fullmatch(text):
        raise Problem(404, "not_found", "an id is 24 hexadecimal digits, as the answer to a POST gave it")
    return text


def status_of(record: Record) -> JobStatus:
    """Return what is told of a job over HTTP."""
    return JobStatus(
        id=record.id,
        kind=record.kind,
        state=record.state,
        title=record.title,
        door=record.producer,
        sender=record.sender,
        attempts=record.attempts,
        accepted_at=_time(record.accepted_ms),
        status=FAILED.get(record.state, 0),
        next_try_at=_time(record.due_ms) if record.state == "waiting" and record.due_ms else "",
        result=_standing_still(record) or record.result,
    )


def _standing_still(record: Record) -> dict[str, str]:
    reason = record.paused or record.queue_waits
    return {"reason": reason} if reason else {}


def _status_of_marker(marker: Marker) -> JobStatus:
    result: dict[str, int | str] = {"event_id": marker.event_id} if marker.event_id else {}
    if marker.link:
        result["link"] = marker.link
    return JobStatus(
        id=marker.id,
        kind="",
        state="done",
        title="",
        door="",
        attempts=0,
        accepted_at="",
        result=result,
        note=marker.sentence,
    )


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
