"""`?wait=SECONDS`: a request that is answered with what became of its jobs, where that comes in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from producers.http.problems import FAILED, Problem
from workers.ledger.known_jobs import KnownJob
from workers.ledger.records import Entry

if TYPE_CHECKING:
    from producers.http.context import HttpContext

#: Seconds that a request may wait for its outcome; NiFi's client gives up after 15.
LONGEST_WAIT_S = 60.0

#: Seconds after which it is looked whether waiting makes sense; an idle worker answers sooner.
FIRST_LOOK_S = 1.0


def wait_of(request: Request) -> float:
    """Return the seconds for which a request waits; raises Problem for what is no number of seconds."""
    if not request.scope["query_string"]:
        return 0.0
    text = request.query_params.get("wait", "0")
    try:
        wait_s = float(text)
    except ValueError:
        wait_s = -1.0
    if not 0 <= wait_s <= LONGEST_WAIT_S:
        raise Problem(400, "bad_query", f"wait must be a number of seconds from 0 to {LONGEST_WAIT_S:.0f}")
    return wait_s


async def awaited(
    context: HttpContext, queue: str, job_ids: Sequence[str], wait_s: float
) -> dict[str, KnownJob]:
    """Return what becomes of jobs within `wait_s` seconds; while their queue is paused, that, after a moment."""
    entries = await context.waiters.outcomes(job_ids, min(wait_s, FIRST_LOOK_S))
    rest = [job_id for job_id in job_ids if job_id not in entries]
    if rest and (why := await run_in_threadpool(context.admin.why_paused, queue)):
        return _known(entries) | dict.fromkeys(rest, KnownJob(note={"reason": why}))
    if rest and wait_s > FIRST_LOOK_S:
        entries |= await context.waiters.outcomes(rest, wait_s - FIRST_LOOK_S)
    return _known(entries)


def _known(entries: dict[str, Entry]) -> dict[str, KnownJob]:
    return {job_id: KnownJob(entry.state, entry.note) for job_id, entry in entries.items()}


def outcome_problem(job_id: str, known: KnownJob) -> Problem | None:
    """Return the answer for a job that came to nothing, None for every other one."""
    status = FAILED.get(known.state)
    return Problem(status, known.state, known.reason, job_id=job_id) if status else None


def status_of(known: KnownJob) -> int:
    """Return the HTTP status of a job that was waited for: 202 for one that has not come to its end."""
    return 200 if known.state == "done" else FAILED.get(known.state, 202)
