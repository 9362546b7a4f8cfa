"""What a worker is doing just now: on each line of its log, and as `traceparent` on each call that it makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import structlog

from workers.ledger.records import Claim
from workers.traceparent import read_traceparent

_trace: ContextVar[str] = ContextVar("trace", default="")


@contextmanager
def working_on(claims: Sequence[Claim]) -> Iterator[None]:
    """Let lines and calls inside the block say which jobs they are for.

    A call can carry one trace only: one that serves several jobs carries that of the first that has any.
    """
    token = _trace.set(next(filter(None, (read_traceparent(claim.trace) for claim in claims)), ""))
    try:
        with structlog.contextvars.bound_contextvars(**fields(claims)):
            yield
    finally:
        _trace.reset(token)


def headers() -> dict[str, str]:
    """Return the header that ties a call to the trace of the job that it is made for; none without a trace."""
    trace = _trace.get()
    return {"traceparent": trace} if trace else {}


def fields(claims: Sequence[Claim]) -> dict[str, str]:
    """Return what a line says about the jobs that it is for; of several, each field holds all that differ."""
    parts = {
        "job": (claim.id for claim in claims),
        "kind": (claim.kind for claim in claims),
        "queue": (claim.queue for claim in claims),
        "door": (claim.door for claim in claims),
        "trace": (claim.trace for claim in claims if claim.trace),
    }
    joined = {name: " ".join(dict.fromkeys(values)) for name, values in parts.items()}
    return {name: text for name, text in joined.items() if text}
