"""`tq.yaml`: what is written is read back, by YAML and line by line as JSON, and never half written."""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core import files
from workers.core.errors import ConfigError
from workers.settings import file as settings_file

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
NAMES = st.from_regex(r"[a-z][a-z_0-9]{0,20}", fullmatch=True).filter(lambda name: name != "version")


@given(values=st.dictionaries(NAMES, TEXT, max_size=6))
def test_what_is_written_is_read_back(
    values: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("config") / "tq.yaml"

    settings_file.write(path, values)

    assert {name: line.text for name, line in settings_file.read(path).items()} == values


@given(value=TEXT)
def test_a_value_is_one_line_that_json_reads_too(value: str) -> None:
    quoted = settings_file.quoted(value)

    assert json.loads(quoted) == value
    assert len(quoted.splitlines()) == 1


@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_our_error(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("config") / "tq.yaml"
    files.write_whole(str(path), data)
    with suppress(ConfigError):
        assert isinstance(settings_file.read(path), dict)


def test_the_file_is_readable_by_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        settings_file.write(tmp_path / "new" / "tq.yaml", {"threatq_status": "Review"})
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "new" / "tq.yaml").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_an_earlier_file_is_kept_as_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "tq.yaml"
    assert settings_file.write(path, {"threatq_status": "old"}) is None

    copy = settings_file.write(path, {"threatq_status": "new"})

    assert copy is not None
    assert "old" in copy.read_text()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert "new" in path.read_text()


def test_a_full_disk_leaves_the_earlier_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tq.yaml"
    settings_file.write(path, {"threatq_status": "old"})
    monkeypatch.setattr(files.os, "fsync", _no_space)

    with pytest.raises(ConfigError, match="No space left on device"):
        settings_file.write(path, {"threatq_status": "new"})

    assert "old" in path.read_text()
    assert [entry.name for entry in tmp_path.iterdir()] == ["tq.yaml"]


def _no_space(_handle: int) -> None:
    raise OSError(28, "No space left on device")
