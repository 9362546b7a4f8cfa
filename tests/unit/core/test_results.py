"""What became of a job, written as JSON and read back by whatever shows it."""

from __future__ import annotations

from typing import Any

import pytest

from workers.core.results import (
    ActionResult,
    EventResult,
    Failure,
    IndicatorRef,
    LeftOut,
    Success,
    SyncHandedOut,
    SyncOverlap,
    SyncSkipped,
    as_note,
    read_note,
)
from workers.core.sync_report import ListResult, RunResult

RUN = RunResult(
    job="1", collection="C", status="done", method="add", plan="2", began_ms=5, seconds=1.5, declared=2, read=2,
    lists=(
        ListResult(name="A", now=1, adds=2, deletes=1, after=2),
        ListResult(name="B", now=0, adds=3, deletes=0, after=3),
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        ("events.create", EventResult(7, "https://tq/events/7", left_out=(LeftOut("10.0.0.1", "private", "asset"),))),
        ("sightings.add", EventResult(7, "https://tq/events/7", indicators=(IndicatorRef(1, "FQDN", "a.example"),))),
        ("indicators.lookup", ActionResult("Not in ThreatQ", False, "FQDN a.example")),
        ("lists.sync", SyncSkipped(reason="the connector is not enabled")),
        ("lists.sync", SyncHandedOut(runs={"C": "1"})),
        ("lists.sync", SyncOverlap(by="1", at_work=True, reason="a run is under way")),
        ("lists.sync", RUN),
    ],
)  # fmt: skip
def test_what_a_job_noted_is_read_back_as_it_was(kind: str, result: Success) -> None:
    assert read_note(kind, "done", as_note(result)) == result


@pytest.mark.parametrize("kind", ["events.create", "indicators.add", "lists.sync", "of a newer version"])
@pytest.mark.parametrize("state", ["dead", "waiting", "accepted"])
def test_what_is_not_done_has_a_reason_whatever_it_was_to_do(kind: str, state: str) -> None:
    assert read_note(kind, state, {"reason": "because", "unknown": 1}) == Failure("because")


def test_the_json_has_the_keys_that_programs_read() -> None:
    """They are an interface: HTTP's result, --json and the stubs' answers are made of them."""
    assert as_note(EventResult(7, "link")) == {"event_id": 7, "link": "link"}
    assert as_note(ActionResult("Not in ThreatQ", False, "FQDN a.example")) == {
        "said": "Not in ThreatQ",
        "found": False,
        "asked": "FQDN a.example",
    }
    assert as_note(SyncOverlap(by="1", at_work=False, reason="why")) == {
        "status": "overlap",
        "by": "1",
        "at_work": False,
        "reason": "why",
    }
    assert (as_note(RUN)["adds"], as_note(RUN)["deletes"]) == (5, 1)
    assert as_note(Failure("why", field="")) == {"reason": "why", "field": ""}
    assert as_note(Failure("why", service="threatq", again_in_s=0.0)) == {
        "reason": "why",
        "service": "threatq",
        "again_in_s": 0.0,
    }


@pytest.mark.parametrize("note", [{"event_id": "seven"}, {"left_out": [1]}])
def test_a_note_in_another_shape_reads_as_nothing_instead_of_failing(note: dict[str, Any]) -> None:
    assert read_note("events.create", "done", note) is None
