"""The reference of mappings says what the code does."""

from __future__ import annotations

from pathlib import Path

from jmespath.functions import Functions

from tests.support.mappings import mapping_of
from tools import mapping_pages
from workers.mappings.functions import MappingFunctions


def test_the_reference_is_the_one_that_the_code_makes() -> None:
    assert mapping_pages.PAGE.read_text() == mapping_pages.page(), "run make docs"


def test_every_function_of_ours_is_in_it() -> None:
    rows = "".join(mapping_pages.functions())
    ours = MappingFunctions.FUNCTION_TABLE.keys() - Functions.FUNCTION_TABLE.keys()
    assert [name for name in sorted(ours) if f"| `{name}(" not in rows] == []


def test_the_mapping_that_the_page_shows_can_be_used() -> None:
    page = (Path(__file__).parents[3] / "docs/mappings.md").read_text()
    text = page.partition("```yaml\n")[2].partition("```")[0]
    assert mapping_of(text.replace("acme-alarm          #", "acme-alarm\n#")).name == "acme-alarm"
