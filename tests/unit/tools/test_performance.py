"""The page about performance shows what was measured last, in its tables and in its plots."""

from __future__ import annotations

import re

import pytest

from tools.performance import PAGE, TABLES, replaced
from tools.plots.results import IMAGES, PLOTS, digest


def test_its_tables_are_those_of_the_results() -> None:
    page = PAGE.read_text()

    assert page == replaced(page)
    assert set(re.findall(r"<!-- (\w+) -->\n\|", page)) == set(TABLES)


@pytest.mark.parametrize("name", PLOTS)
def test_each_plot_shows_the_results(name: str) -> None:
    plot = (IMAGES / f"{name}.svg").read_text()

    assert f"({IMAGES.name}/{name}.svg)" in PAGE.read_text().replace("../images/", "")
    assert digest(PLOTS[name]) in plot, f"{name}.svg is older than its figures; make docs-plots"
