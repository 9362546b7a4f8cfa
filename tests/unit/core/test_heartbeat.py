"""The file that says that a process works."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workers.core.files import show_life


def test_the_file_is_made_and_then_touched(tmp_path: Path) -> None:
    file = tmp_path / "alive"

    show_life(str(file))
    os.utime(file, (1, 1))
    show_life(str(file))

    assert file.stat().st_mtime > 1
    assert file.read_bytes() == b""


def test_without_a_path_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    show_life("")

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_touched_stops_no_process(tmp_path: Path) -> None:
    show_life(str(tmp_path / "nowhere" / "alive"))

    assert list(tmp_path.iterdir()) == []
