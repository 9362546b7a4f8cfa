"""The drawing of how long jobs took: what it says, and that nothing leaves it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.http.ui.latency_chart import HEIGHT, WIDTH, lasts, latency_chart
from workers.ledger.latency import LAST, Latency
from workers.ledger.throughput import Minute


def minute(number: int, **counts: int) -> Minute:
    took = Latency({int(bucket[1:]): count for bucket, count in counts.items()})
    return Minute(number * 60_000, took.total, took=took)


def test_the_hour_as_a_whole_and_each_minute_are_told() -> None:
    # Given a fast minute, an idle one, and one in which two of a hundred jobs took 200 s
    drawn = latency_chart([minute(0, b0=100), minute(1), minute(2, b0=98, b13=2)])
    assert [(mark.at_ms, mark.count, mark.p50, mark.p99) for mark in drawn.marks] == [
        (0, 100, "25 ms", "25 ms"),
        (120_000, 100, "25 ms", "3 min 24 s"),
    ]
    assert (drawn.p50, drawn.count) == ("25 ms", 200)
    # Then the idle minute interrupts each line
    assert [name for name, _ in drawn.lines] == ["p50", "p50", "p99", "p99"]


def test_an_hour_without_a_done_job_has_no_lines() -> None:
    drawn = latency_chart([minute(number) for number in range(60)])
    assert (drawn.lines, drawn.marks, drawn.p50, drawn.p99) == ([], [], "–", "–")


@given(st.lists(st.dictionaries(st.integers(0, LAST), st.integers(1, 10**6)), min_size=1, max_size=60))
def test_no_point_leaves_the_drawing(counts: list[dict[int, int]]) -> None:
    drawn = latency_chart([Minute(number, took=Latency(took)) for number, took in enumerate(counts)])
    for _, points in drawn.lines:
        for point in points.split():
            x, y = map(float, point.split(","))
            assert -3 <= x <= WIDTH + 3
            assert 0 <= y <= HEIGHT


@pytest.mark.parametrize(
    ("seconds", "label"), [(0.025, "25 ms"), (1.6, "1.6 s"), (51.2, "51 s"), (125.0, "2 min 5 s")]
)
def test_a_length_of_time_is_labelled_shortly(seconds: float, label: str) -> None:
    assert lasts(seconds) == label
