"""What counts as a trace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.trace import read_traceparent, trace_of

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_command_takes_the_trace_of_the_program_that_started_it() -> None:
    assert trace_of({"TRACEPARENT": TRACE}) == trace_of({"TRACEPARENT": f" {TRACE}\n"}) == TRACE
    assert trace_of({}) == trace_of({"TRACEPARENT": ""}) == ""


@pytest.mark.parametrize(
    "text",
    ["00-0af7", TRACE.upper(), TRACE + "-x", "01" + TRACE[2:], TRACE + "\r\nX-Evil: 1", f"{TRACE} {TRACE}"],
)
def test_what_is_no_trace_is_none(text: str) -> None:
    assert read_traceparent(text) == ""


@given(st.text())
def test_whatever_comes_is_a_whole_trace_or_none(text: str) -> None:
    assert len(read_traceparent(text)) in (0, len(TRACE))
