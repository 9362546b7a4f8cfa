"""Two revisions are compared by figures that moved beyond the noise, and only a goal tells better from worse."""

from __future__ import annotations

import pytest

from benchmarks.compare import Change, compared, flat, main, show
from benchmarks.targets import TARGETS

RATIO = TARGETS["accept"][0]


def test_what_overlaps_is_noise_and_what_does_not_has_changed() -> None:
    assert not Change("x", [1, 2, 3], [3, 4, 5]).is_beyond_noise
    assert Change("x", [1, 2, 3], [4, 5, 6]).is_beyond_noise
    assert Change("x", [4, 5, 6], [1, 2, 3]).is_beyond_noise


def test_only_a_figure_with_a_goal_can_be_worse() -> None:
    assert Change("ratio", [1.5, 1.6], [1.8, 1.9], RATIO).is_worse
    assert not Change("ratio", [1.8, 1.9], [1.5, 1.6], RATIO).is_worse
    assert not Change("ratio", [1.5, 1.8], [1.7, 1.9], RATIO).is_worse
    assert not Change("anything", [1, 1], [2, 2]).is_worse


def test_the_figures_of_a_result_have_paths_and_what_tells_of_the_run_is_left_out() -> None:
    result = {
        "took_s": 3,
        "machine": {"load": 1},
        "10": {"s": 2, "each_round": [1, 2]},
        "mb": [4, 5],
        "is": True,
    }

    assert dict(flat(result)) == {"10.s": 2.0, "mb.0": 4.0, "mb.1": 5.0}


def test_figures_that_only_one_revision_has_are_not_compared() -> None:
    (change,) = compared("accept", {"ratio": [1.5], "gone": [1]}, {"ratio": [1.9], "new": [2]})

    assert (change.figure, change.target) == ("accept.ratio", RATIO)


def test_a_name_of_no_benchmark_is_refused_before_anything_is_measured() -> None:
    with pytest.raises(SystemExit, match=r"no benchmark is called lattency; there are accept, .*latency"):
        main(["HEAD", "accept", "lattency"])


def test_what_is_worse_stands_first(capsys: pytest.CaptureFixture[str]) -> None:
    changes = [
        Change("a.better", [5] * 5, [4] * 5, RATIO),
        Change("b.same", [1] * 5, [1] * 5),
        Change("c.worse", [1] * 5, [2] * 5, RATIO),
    ]

    show(changes, "abc1234", 5)

    shown = capsys.readouterr().out
    assert shown.index("c.worse") < shown.index("a.better")
    assert "+100.0 %" in shown
    assert "1 figures are within the noise" in shown
    assert "may be chance" not in shown
