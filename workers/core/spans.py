"""Spans as OpenTelemetry knows them: what was done for a job, when, and for how long, in the shape of OTLP's JSON.

The ids of a job's spans follow from the job's own id: whichever process works on it next can link to what came before
without a word in the ledger. A round of work on several jobs is a trace of its own, and both link to each other.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from msgspec import Struct, field

#: OTLP's numbers of kinds: within a process; a request that is served; one that is made; work that was queued.
INTERNAL, SERVER, CLIENT, CONSUMER = 1, 2, 3, 5

#: OTLP's number of the status of what failed.
FAILED = 2

#: Spans of one round; of a list sync with thousands of calls the first ones tell enough.
MOST_SPANS = 500

#: Letters by which a job's spans are told apart.
ACCEPT, WAIT, ATTEMPT = "a", "b", "c"


class Value(Struct, rename="camel", omit_defaults=True):
    """The value of an attribute: a text, or a whole number (as text, as JSON knows no 64 bits)."""

    string_value: str | None = None
    int_value: str | None = None


class SpanAttribute(Struct):
    """A name and its value."""

    key: str
    value: Value


class SpanRef(Struct, frozen=True, rename="camel"):
    """The name of a span: 32 and 16 hex digits; of one that is linked, a link."""

    trace_id: str
    span_id: str

    @property
    def traceparent(self) -> str:
        """The same as a W3C trace context."""
        return f"00-{self.trace_id}-{self.span_id}-01"


class SpanStatus(Struct, omit_defaults=True):
    """Whether it failed, and why."""

    code: int = 0
    message: str = ""


class Span(Struct, rename="camel", omit_defaults=True):
    """What was done from one time to another, in ns since 1970 as text."""

    trace_id: str
    span_id: str
    name: str
    start_time_unix_nano: str
    end_time_unix_nano: str
    parent_span_id: str = ""
    kind: int = INTERNAL
    attributes: list[SpanAttribute] = []
    links: list[SpanRef] = []
    status: SpanStatus | None = field(default=None)


def attributes(values: Mapping[str, str | int]) -> list[SpanAttribute]:
    """Return values by their names as attributes."""
    return [
        SpanAttribute(
            name,
            Value(int_value=str(value)) if isinstance(value, int) else Value(string_value=value),
        )
        for name, value in values.items()
    ]


def ref_of(job_id: str, trace: str, part: str, number: int = 1) -> SpanRef:
    """Return the name of a job's span: its acceptance, or the wait or the attempt of a `number`.

    The job belongs to the trace that its sender named, else to one of its own.
    """
    trace_id = trace[3:35] if trace else f"{job_id}{job_id[:8]}"
    return SpanRef(trace_id, f"{job_id[:12]}{min(number, 0xFFF):03x}{part}")


def sender_span(trace: str) -> str:
    """Return the span of the sender that its trace context names, "" for none."""
    return trace[36:52] if trace else ""


class SpanRecorder:
    """Gathers the spans of one round of work, below the span `root`."""

    def __init__(self, root: SpanRef) -> None:
        self.root = root
        self.spans: list[Span] = []

    def add(
        self, name: str, began_ns: int, ended_ns: int, values: list[SpanAttribute], *, kind: int = INTERNAL
    ) -> None:
        """Note what was done; beyond `MOST_SPANS` nothing more."""
        if len(self.spans) < MOST_SPANS:
            ref = (self.root.trace_id, os.urandom(8).hex(), name, str(began_ns), str(ended_ns))
            self.spans.append(Span(*ref, self.root.span_id, kind, values))


#: What gathers the spans of the work at hand; None while nothing is traced.
recorder: ContextVar[SpanRecorder | None] = ContextVar("recorder", default=None)


@contextmanager
def span(name: str) -> Iterator[None]:
    """Note how long the block takes, where the work at hand is traced."""
    gathering = recorder.get()
    if gathering is None:
        yield
        return
    began_ns = time.time_ns()
    try:
        yield
    finally:
        gathering.add(name, began_ns, time.time_ns(), [])
