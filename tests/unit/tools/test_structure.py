"""The figures of a layout are those that a person would count."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.structure import figures, read

#: A tree in which `workers` imports a producer, and two rooms import each other.
FILES = {
    "workers/__init__.py": "",
    "workers/app.py": "from workers.core import jobs\nfrom producers.cli import note\n\n\ndef main(): ...\n",
    "workers/core/__init__.py": '"""Core."""\n',
    "workers/core/jobs.py": "from workers.core import text\n\n\nclass Job: ...\n",
    "workers/core/text.py": "def short(): ...\n\n\ndef _long(): ...\n\n\nclass Text: ...\n",
    "producers/cli.py": "import producers.spool\n\n\ndef note(): ...\n",
    "producers/spool.py": "import producers.cli\n\n\ndef keep(): ...\n",
}


@pytest.fixture
def measured(tmp_path: Path) -> dict[str, float]:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return figures(read(tmp_path))


def test_heads_of_packages_are_no_product_files(measured: dict[str, float]) -> None:
    assert measured["product files"] == 5
    assert measured["lines in all"] == 5 + 4 + 7 + 4 + 4


def test_imports_that_run_back_up_and_circles_are_counted(measured: dict[str, float]) -> None:
    assert measured["imports that run back up between packages"] == 1
    assert measured["circles"] == 1


def test_the_longest_chain_counts_files_and_a_circle_as_one_link(measured: dict[str, float]) -> None:
    # The application, jobs, text; the floors are the application and the core.
    assert measured["files of the longest chain of imports"] == 3
    assert measured["floors of imports among the rooms of workers"] == 2


def test_only_what_lies_at_the_root_of_workers_is_loose(measured: dict[str, float]) -> None:
    assert measured["loose files at the root of workers"] == 1


def test_private_names_are_not_counted(measured: dict[str, float]) -> None:
    assert measured["public functions and classes per 1,000 lines"] == round(6000 / 24, 1)
    assert measured["files of at most 40 lines with one public definition"] == 4
