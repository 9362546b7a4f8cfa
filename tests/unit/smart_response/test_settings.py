"""A stub's quick look at the settings, compared with the full reading of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.smart_response.settings import DEFAULTS, _from_file, _quick, read_settings
from workers.core.errors import ConfigError
from workers.settings import file as settings_file
from workers.settings.loading import load
from workers.settings.model import Settings

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def write(folder: Path, text: str) -> Path:
    """A tq.yaml with this text, readable by its owner alone."""
    path = folder / "tq.yaml"
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_defaults_are_those_of_the_model() -> None:
    defaults = Settings()
    assert {name: type(getattr(defaults, name))(text) for name, text in DEFAULTS.items()} == {
        name: getattr(defaults, name) for name in DEFAULTS
    }


@given(st.dictionaries(st.sampled_from(["spool_dir", "connector_name", "threatq_email"]), TEXTS))
def test_what_our_own_writer_writes_is_read_quickly_and_alike(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("settings")
    settings_file.write(folder / "tq.yaml", values)
    assert _from_file(str(folder / "tq.yaml")) == values
    assert read_settings(str(folder), {}).spool_dir == load(folder, {}).settings.spool_dir


@given(st.text(st.sampled_from("ab1:/.-_ \"'#{}[]&*!|>%@`,?~\\=<\n"), max_size=12))
def test_what_is_read_quickly_is_read_alike_by_yaml(
    tmp_path_factory: pytest.TempPathFactory, value: str
) -> None:
    # Given any text behind a key
    path = write(tmp_path_factory.mktemp("settings"), f"spool_dir: {value}\n")
    # When the stub understands it at once
    quick = _from_file(str(path))
    # Then the full reader understands the same
    if quick is not None:
        assert quick == {name: line.text for name, line in settings_file.read(path).items()}


@pytest.mark.parametrize(
    "line",
    [
        "redis_url: redis://127.0.0.1:6379/3",
        'redis_url: "redis://127.0.0.1:6379/3"',
        "redis_url: 'redis://127.0.0.1:6379/3'",
    ],
)
def test_a_file_written_by_hand_is_read_too(tmp_path: Path, line: str) -> None:
    write(tmp_path, f"# ours\n\n{line}\nthreatq_url: tq.example\n")
    assert read_settings(str(tmp_path), {}).redis_url == "redis://127.0.0.1:6379/3"


def test_the_environment_and_named_files_win_over_the_file(tmp_path: Path) -> None:
    write(tmp_path, 'redis_url: "redis://file/0"\nwait_s: "3"\n')
    secret = tmp_path / "secret"
    secret.write_text("redis://secret/0\n")
    environ = {"TQ_REDIS_URL_FILE": str(secret), "TQ_WAIT_S": "7"}
    found = read_settings(str(tmp_path), environ)
    assert (found.redis_url, found.wait_s) == ("redis://secret/0", 7.0)


@pytest.mark.parametrize(
    ("environ", "text"),
    [
        ({"TQ_WAIT_S": "soon"}, ""),
        ({"TQ_WAIT_S": "-1"}, ""),
        ({"TQ_REDIS_URL": "localhost"}, ""),
        ({"TQ_REDIS_URL_FILE": "/nonexistent"}, ""),
        ({}, "redis_ulr: x\nwait_s: [1]\n"),
        ({}, "version: 2\n"),
    ],
)
def test_what_is_wrong_is_said_in_the_words_of_the_full_reader(
    tmp_path: Path, environ: dict[str, str], text: str
) -> None:
    write(tmp_path, text)
    with pytest.raises(ConfigError) as expected:
        load(tmp_path, environ)
    with pytest.raises(ConfigError) as found:
        read_settings(str(tmp_path), environ)
    assert str(found.value) == str(expected.value)


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "wait_s: 3\n").chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_settings(str(tmp_path), {})


def test_the_folder_may_be_the_files_name(tmp_path: Path) -> None:
    path = write(tmp_path, "wait_s: 3\n")
    found = read_settings(str(path), {})
    assert (found.wait_s, found.folder) == (3, str(tmp_path))


@pytest.mark.parametrize("line", ['wait_s: "3"', "wait_s: '3'"])
def test_the_spool_lies_where_the_events_builder_looks_for_it(tmp_path: Path, line: str) -> None:
    # Given a file that is read quickly, or not; then both commands keep their jobs in one place
    write(tmp_path, f"{line}\n")
    assert read_settings(str(tmp_path), {}).folder == str(load(tmp_path, {}).path.parent)
    absent = read_settings(str(tmp_path / "absent"), {"TQ_REDIS_URL": "redis://127.0.0.1:6379/0"})
    assert absent.folder == ""


def test_a_folder_without_a_file_does_not_lead_to_a_redis_that_was_not_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no .*tq\.yaml"):
        read_settings(str(tmp_path / "absent"), {})


def test_without_a_file_the_environment_is_enough(tmp_path: Path) -> None:
    assert _quick(str(tmp_path / "absent" / "tq.yaml"), os.environ | {"TQ_WAIT_S": "1"}) is not None
