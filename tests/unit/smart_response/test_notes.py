"""What the stubs believe a job notes is what workers write."""

from __future__ import annotations

from typing import get_type_hints

import msgspec
import pytest
from msgspec import Struct

from producers.smart_response import notes
from workers.core import results
from workers.core.results import (
    ActionResult,
    EventResult,
    Failure,
    IndicatorDetails,
    IndicatorRef,
    LeftOut,
    as_note,
)

INDICATOR = IndicatorDetails(
    1, "FQDN", "a.example", "https://tq/1", "Active", 7, "Medium", ("LogRhythm",), (("Role", "Source"),), ("APT 1",),
    "2021-10-05 19:01:02", "2021-10-05 19:01:02", "2021-10-05 19:01:02", "2021-10-05 19:01:02",
)  # fmt: skip
EVENT = EventResult(
    7, "https://tq/events/7", True, (IndicatorRef(1, "FQDN", "a.example"),), (),
    (LeftOut("10.0.0.1", "private", "asset"),), ("odd",),
)  # fmt: skip


@pytest.mark.parametrize(
    ("note", "struct"),
    [
        (notes.IndicatorNote, results.IndicatorDetails),
        (notes.IndicatorRefNote, results.IndicatorRef),
        (notes.LeftOutNote, results.LeftOut),
        (notes.EventNote, results.EventResult),
        (notes.ActionNote, results.ActionResult),
        (notes.FailureNote, results.Failure),
    ],
)
def test_a_stub_reads_no_field_that_no_worker_writes(note: type, struct: type[Struct]) -> None:
    assert set(get_type_hints(note)) <= set(struct.__struct_fields__)


@pytest.mark.parametrize(
    ("result", "note"),
    [
        (EVENT, notes.EventNote),
        (ActionResult("Found", True, "FQDN a.example", INDICATOR, ("a note",)), notes.ActionNote),
        (Failure("ThreatQ is away", service="threatq", again_in_s=2.0), notes.FailureNote),
    ],
)
def test_each_field_has_the_type_that_a_stub_expects(
    result: EventResult | ActionResult | Failure, note: type
) -> None:
    assert msgspec.convert(as_note(result), note)
