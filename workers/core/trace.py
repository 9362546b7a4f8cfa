"""The W3C trace of a job, `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`: read, and sent on with each call."""

from __future__ import annotations

import re
from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

#: The environment variable in which a command is told its trace, as OpenTelemetry's own tools do.
VARIABLE = "TRACEPARENT"

_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

#: The trace of the job that is worked on here and now, "" for none.
current_trace: ContextVar[str] = ContextVar("trace", default="")


def read_traceparent(text: str) -> str:
    """Return `text` if it is a trace context of version 00, else "": a trace that cannot be read stops no job."""
    text = text.strip()
    return text if _TRACEPARENT.fullmatch(text) else ""


def trace_of(environ: Mapping[str, str]) -> str:
    """Return the trace that the program that started this command wants its jobs to belong to, or ""."""
    return read_traceparent(environ.get(VARIABLE, ""))


def headers() -> dict[str, str]:
    """Return the header that ties a call to the trace of the job that it is made for; none without a trace."""
    trace = current_trace.get()
    return {"traceparent": trace} if trace else {}
