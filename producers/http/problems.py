"""Refusals as RFC 9457 problem details, with what helps first: NiFi keeps only 256 bytes of an answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from math import ceil

import msgspec
from starlette.responses import Response

from producers.http.schemas import ItemError, ProblemDetails
from workers.core.errors import Busy, ServiceAway, SlowedDown
from workers.core.jobs import Job
from workers.payload.cloudevents import is_key

#: Characters of a problem's first field, so that it survives where only the beginning is kept.
MOST_DETAIL = 190

#: The word for a key that was used before for something else.
KEY_REUSED = "key_reused"

#: The HTTP status of what came to nothing: its sender must correct it, or an operator looks after it.
FAILED = {"refused": 422, "dead": 424}

#: The media type of every refusal.
PROBLEM_JSON = "application/problem+json"


#: Where one piece of advice ends, and what stands in those for operators.
_PARTS = re.compile(r"(?<=[.;?]) ")
_OPERATORS = re.compile(r"\btq(?:ctl|-[a-z])|\bTQ_REDIS_URL")


class Problem(Exception):
    """A request that is refused: the status, a word for programs, and a sentence for people."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[ItemError] = (),
        headers: dict[str, str] | None = None,
        job_id: str = "",
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = for_sender(detail)
        self.errors = list(errors)
        self.headers = headers or {}
        self.job_id = job_id

    def response(self, request_id: str) -> Response:
        """Return the answer."""
        body = ProblemDetails(
            detail=shorten(self.detail),
            code=self.code,
            status=self.status,
            title=HTTPStatus(self.status).phrase,
            type=f"/problems/{self.code.replace('_', '-')}",
            request_id=request_id,
            errors=self.errors,
            id=self.job_id,
            status_url=f"/v1/jobs/{self.job_id}" if self.job_id else "",
        )
        return Response(msgspec.json.encode(body), self.status, headers=self.headers, media_type=PROBLEM_JSON)


def for_sender(text: str) -> str:
    """Return `text` without what only an operator can do: a sender has no commands of ours."""
    parts = [part for part in _PARTS.split(text) if not _OPERATORS.search(part)]
    return " ".join(parts).rstrip(" ;,") if parts else text


def reused(jobs: Sequence[Job], job_id: str) -> Problem:
    """Return the refusal of `jobs`, of which one has a key that was used before, for the job `job_id`."""
    if any(is_key(job.key) for job in jobs):
        what = "the CloudEvents source and id were", "give each event an id of its own"
    else:
        what = "the Idempotency-Key was", "send a key of its own"
    return Problem(422, KEY_REUSED, f"{what[0]} used before for another payload (job {job_id}); {what[1]}")


def come_later(code: str, detail: str, after_s: float, *, status: int = 503) -> Problem:
    """Return the refusal after which the same is sent again, with Retry-After of at least a second.

    `status`: 503, the one after which NiFi does; where a sender is too quick for us, that of http_busy_status.
    """
    return Problem(status, code, detail, headers={"Retry-After": str(max(1, ceil(after_s)))})


def from_away(error: ServiceAway, *, busy_status: int) -> Problem:
    """Return what a sender is told while the ledger takes nothing."""
    if isinstance(error, SlowedDown):
        return come_later("slowed_down", str(error), error.after or 1, status=busy_status)
    if isinstance(error, Busy):
        return come_later("busy", str(error), error.after or 5, status=busy_status)
    return come_later("redis_away", str(error), error.after or 5)


def shorten(text: str) -> str:
    """Return `text` with at most MOST_DETAIL bytes."""
    data = text.encode("utf-8", "replace")
    if len(data) <= MOST_DETAIL:
        return data.decode()
    return data[: MOST_DETAIL - 3].decode("utf-8", "ignore") + "…"
