"""The tutorial: its commands run as they stand there, and print what the page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import tutorial

pytestmark = pytest.mark.acceptance


def test_each_command_of_the_tutorial_prints_what_the_page_shows(tmp_path: Path) -> None:
    # Given a system of `make up`
    page = tutorial.PAGE.read_text()
    with tutorial.running(tmp_path) as session:
        # When the page's commands are typed one after the other
        outputs = tutorial.play(page, session)

    # Then each prints what the page shows, apart from times and ids
    shown = tutorial.renewed(page, outputs)
    assert tutorial.comparable(shown) == tutorial.comparable(page), "run make docs-demo"
