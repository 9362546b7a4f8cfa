"""What a benchmark has to reach is held against what was measured, and a goal that was missed is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import bench_accept
from benchmarks.targets import TARGETS, Target, figure, verdicts
from tools.figures import README, goals, replaced
from tools.results import is_measured, result

FOLDER = Path(bench_accept.__file__).parent


@pytest.mark.parametrize("name", TARGETS)
def test_each_target_is_one_of_a_benchmark_and_names_a_figure_of_its_result(name: str) -> None:
    assert (FOLDER / f"bench_{name}.py").exists()
    if is_measured(name):
        assert len(verdicts(name, result(name))) == len(TARGETS[name])


def test_a_bound_is_kept_by_the_figure_itself() -> None:
    assert Target("x", "x", at_most=5).is_met(5)
    assert not Target("x", "x", at_most=5).is_met(5.01)
    assert Target("x", "x", at_least=5).is_met(5)
    assert not Target("x", "x", at_least=5).is_met(4.99)


def test_a_path_goes_through_sizes_and_places() -> None:
    assert figure({"1000000": {"mb": [1, 2, 3]}}, "1000000.mb.2") == 3


def test_a_goal_that_was_missed_is_named_with_its_figure_and_its_bound() -> None:
    assert goals("accept", {"ratio": 1.8}) == "**missed**: times a bare LPUSH: 1.8 (at most 1.6)"
    assert goals("accept", {"ratio": 1.5}) == "met"
    assert goals("restart", {}) == "–"


def test_the_readme_says_what_the_results_say() -> None:
    assert README.read_text() == replaced(README.read_text())
