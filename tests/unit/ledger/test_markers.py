"""Markers: what is written is read again, whatever lies beside it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.jobs import Job
from workers.ledger.markers import WIDTH, Marker, encode, find, has_marker, read, text_of

ids = st.binary(min_size=12, max_size=12).map(bytes.hex)
some_markers = st.lists(
    st.builds(Marker, ids, st.integers(0, 2**40 - 1), st.integers(0, 2**16 - 1)), max_size=40
)


@given(some_markers)
def test_what_is_written_is_read_again(markers: list[Marker]) -> None:
    beside = [Marker("beef" + marker.id[4:], marker.event_id, marker.day) for marker in markers]
    text = b"".join(map(encode, beside))
    assert len(text) == WIDTH * len(markers)
    assert list(read("beef", text)) == beside


@given(some_markers, ids)
def test_only_the_job_itself_is_found(markers: list[Marker], job_id: str) -> None:
    beside = [Marker(text_of(job_id) + marker.id[4:], marker.event_id, marker.day) for marker in markers]
    beside = [marker for marker in beside if marker.id != job_id]
    text = b"".join(map(encode, beside))
    assert find(job_id, text) is None
    ours = Marker(job_id, 7, 20_000)
    assert find(job_id, text + encode(ours)) == ours
    assert find(job_id, encode(ours) + text) == ours


def test_every_accepted_job_has_an_id_that_leaves_a_marker() -> None:
    for kind in ("events.create", "indicators.add"):
        assert has_marker(Job(kind, {"value": "x.example"}, producer="cli").id)
    assert not has_marker("../etc/passwd")


def test_an_events_id_beyond_the_marker_is_no_silent_other_one() -> None:
    with pytest.raises(OverflowError):
        encode(Marker("0" * 24, 2**40, 1))
