"""The documentation says what is true: the tests it names exist, and its reference names what there is."""

from __future__ import annotations

import re
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from tests.unit.test_imports import FLOORS
from tools import account, diagrams, figures, outputs, reference
from tools.images import IMAGES
from tqctl.main import parser_of
from workers.ledger.records import State

ROOT = Path(__file__).resolve().parents[3]
SHOWN = {".py", ".html", ".yml", ".template", ".service", ".md"}
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]


def named_tests() -> Iterator[tuple[str, str, str]]:
    """Yield page, file and name of each test that a page names."""
    for page in PAGES:
        for file, name in re.findall(r"`(?:tests/)?((?:\w+/)*test_\w+\.py)(?:::(\w+))?`", page.read_text()):
            yield page.name, file, name


def test_a_test_that_a_file_of_ours_names_by_its_path_exists() -> None:
    named = {
        (str(path.relative_to(ROOT)), test)
        for path in (
            *TOLD,
            *(ROOT / name for name in ("Dockerfile", "docker-compose.yml", "Makefile", "pyproject.toml")),
        )
        for test in re.findall(r"\btests/[\w/]+\.py", path.read_text())
    }
    assert [pair for pair in sorted(named) if not (ROOT / pair[1]).is_file()] == []


@pytest.mark.parametrize(("page", "file", "name"), list(named_tests()))
def test_a_test_that_is_named_exists(page: str, file: str, name: str) -> None:
    found = [path.read_text() for path in (ROOT / "tests").rglob(file)]

    assert found, f"{page} names {file}"
    assert not name or any(f"def {name}(" in text for text in found), f"{page} names {file}::{name}"


def test_every_command_is_in_the_reference() -> None:
    page = (ROOT / "docs/reference/commands.md").read_text()
    assert [name for name in reference.scripts() if f"\n## {name}\n" not in page] == []


@pytest.mark.parametrize("name", ["jobs", "http_api", "alerts"])
def test_the_reference_is_what_the_code_makes(name: str) -> None:
    page = ROOT / "docs/reference" / f"{name.replace('_', '-')}.md"
    assert page.read_text() == getattr(reference, name)(), "run make docs"


def test_the_readme_shows_the_figures_that_were_measured() -> None:
    readme = (ROOT / "README.md").read_text()
    assert figures.replaced(readme) == readme, "run make docs"


def test_the_page_shows_the_account_that_is_kept() -> None:
    page = account.PAGE.read_text()
    assert account.replaced(page) == page, "run make docs"


#: Where people are told what to type.
TOLD = [
    *(page for page in PAGES if page.name != "commands.md"),
    *(
        path
        for part in ("workers", "producers", "deploy")
        for path in (ROOT / part).rglob("*")
        if path.suffix in SHOWN
    ),
]

#: A command of tqctl in a text, with the word behind it; docstrings name commands without their actions, and a path
#: may end in the name.
TYPED = re.compile(r"(?<!``)(?<!\"`)(?<!/)\btqctl\s+((?:-c \S+ )?)([a-z][a-z-]+)(?:\s+([a-z][a-z-]+))?")


def actions() -> dict[str, set[str]]:
    """Return the actions of each command of tqctl, "" where none need be named; none for one that has no actions."""
    found: dict[str, set[str]] = {}
    for name, command in subparsers(parser_of()).items():
        may_be_bare = command.get_default("run") is not None
        found[name] = set(subparsers(command)) | ({""} if may_be_bare else set())
    return found


def subparsers(parser: ArgumentParser) -> dict[str, ArgumentParser]:
    return {
        name: command
        for action in parser._actions
        if isinstance(action, _SubParsersAction)
        for name, command in action.choices.items()
    }


@pytest.mark.parametrize("path", TOLD, ids=[str(path.relative_to(ROOT)) for path in TOLD])
def test_no_text_tells_to_type_a_command_of_tqctl_that_is_not_there(path: Path) -> None:
    known = actions()
    for _, name, action in TYPED.findall(path.read_text()):
        assert name in known, f"tqctl {name}"
        assert known[name] <= {""} or action in known[name], f"tqctl {name} {action}"


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_no_page_names_a_command_or_a_target_that_is_not_there(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    text = page.read_text()

    commands = set(re.findall(r"(?:^|`)\$?\s*((?:tq|tqctl)-[a-z-]+)(?:\.exe)?[ `]", text, flags=re.MULTILINE))
    targets = set(re.findall(r"(?:^|`)make ([a-z-]+)", text, flags=re.MULTILINE))

    known = {*reference.scripts(), *IMAGES.values()}
    assert {name for name in commands if name not in known} == set()
    assert {name for name in targets if f"\n{name}:" not in makefile} == set()


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_a_page_shows_its_diagrams_as_they_are(page: Path) -> None:
    text = page.read_text()
    assert diagrams.pasted(text) == text, "run make docs"


def test_every_diagram_is_shown_on_a_page() -> None:
    text = "".join(page.read_text() for page in PAGES)
    assert [name for name in diagrams.DIAGRAMS if f"<!-- diagram {name} -->" not in text] == []


def test_the_diagram_of_a_jobs_life_has_every_state() -> None:
    assert set(get_args(State)) <= set(re.findall(r"\w+", diagrams.JOB_LIFE))


def test_the_diagram_of_the_floors_has_every_room_below_those_that_import_it() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    floors = re.findall(r'^  f(\d+)\["(.+)"\]$', text, flags=re.MULTILINE)
    drawn = [re.split(r" · |<br>", rooms) for _, rooms in floors]
    assert drawn == [rooms.split() for rooms in reversed(FLOORS)]
    assert [int(number) for number, _ in floors] == list(range(len(FLOORS), 0, -1))


def test_every_picture_is_shown_on_a_page() -> None:
    text = "".join(page.read_text() for page in PAGES)
    pictures = sorted(path.name for path in (ROOT / "docs/images").iterdir())
    assert [name for name in pictures if f"images/{name}" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_a_page_shows_what_the_commands_printed(page: Path) -> None:
    text = page.read_text()
    assert outputs.pasted(text) == text, "run make screenshots"


def test_every_output_is_shown_on_a_page() -> None:
    text = "".join(page.read_text() for page in PAGES)
    assert [name for name in outputs.COMMANDS if f"<!-- output {name} -->" not in text] == []
