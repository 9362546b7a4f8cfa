"""The page of the commands is what the commands answer to --help."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools import reference

pytestmark = pytest.mark.acceptance

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "commands.md"


@pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="argparse shows options in another way from Python 3.13 on"
)
def test_the_page_of_the_commands_is_what_they_answer() -> None:
    assert reference.commands() == PAGE.read_text(encoding="utf-8"), "run make docs"
