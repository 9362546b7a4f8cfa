"""The documentation says what is true: the tests it names exist, and its reference names what there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import figures, reference

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]


def named_tests() -> Iterator[tuple[str, str, str]]:
    """Yield page, file and name of each test that a page names."""
    for page in PAGES:
        for file, name in re.findall(r"`(?:tests/\w+/)?(test_\w+\.py)(?:::(\w+))?`", page.read_text()):
            yield page.name, file, name


@pytest.mark.parametrize(("page", "file", "name"), list(named_tests()))
def test_a_test_that_is_named_exists(page: str, file: str, name: str) -> None:
    found = [path.read_text() for path in (ROOT / "tests").rglob(file)]

    assert found, f"{page} names {file}"
    assert not name or any(f"def {name}(" in text for text in found), f"{page} names {file}::{name}"


def test_every_command_is_in_the_reference() -> None:
    page = (ROOT / "docs/reference/commands.md").read_text()
    assert [name for name in reference.scripts() if f"\n## {name}\n" not in page] == []


@pytest.mark.parametrize("name", ["jobs", "http_api"])
def test_the_reference_is_what_the_code_makes(name: str) -> None:
    page = ROOT / "docs/reference" / f"{name.replace('_', '-')}.md"
    assert page.read_text() == getattr(reference, name)(), "run make docs"


def test_the_readme_shows_the_figures_that_were_measured() -> None:
    readme = (ROOT / "README.md").read_text()
    assert figures.replaced(readme) == readme, "run make docs"


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_no_page_names_a_command_or_a_target_that_is_not_there(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    text = page.read_text()

    commands = set(re.findall(r"(?:^|`)\$?\s*((?:tq|tqctl)-[a-z-]+)(?:\.exe)?[ `]", text, flags=re.MULTILINE))
    targets = set(re.findall(r"(?:^|`)make ([a-z-]+)", text, flags=re.MULTILINE))

    known = {*reference.scripts(), "tq-workers"}
    assert {name for name in commands if name not in known} == set()
    assert {name for name in targets if f"\n{name}:" not in makefile} == set()
