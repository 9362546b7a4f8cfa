"""Refusals as RFC 9457 problem details, with what helps first: NiFi keeps only 256 bytes of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from math import ceil

import msgspec
from starlette.responses import Response

from producers.http.schemas import ItemError, ProblemDetails
from workers.core.errors import Busy, ServiceAway, SlowedDown

#: Characters of a problem's first field, so that it survives where only the beginning is kept.
MOST_DETAIL = 190

#: The media type of every refusal.
PROBLEM_JSON = "application/problem+json"


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
        self.detail = detail
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
