"""Logs and console: secrets as stars, nothing that a terminal obeys."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.windows_files import refuse_open_files
from workers.core.text import printable
from workers.settings.model import Secret
from workers.telemetry import log_file, logs
from workers.telemetry.logs import masked


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"password": "hunter2"}, {"password": "***"}),
        ({"password": ""}, {"password": ""}),
        ({"body": {"client_secret": "hunter2", "a": 1}}, {"body": {"client_secret": "***", "a": 1}}),
        ({"headers": [{"Authorization": "Bearer hunter2"}]}, {"headers": [{"Authorization": "***"}]}),
        ({"event": "sent Authorization: Bearer hunter2.x"}, {"event": "sent Authorization: Bearer ***"}),
        ({"url": "redis://me:hunter2@redis/0"}, {"url": "redis://me:***@redis/0"}),
        ({"value": Secret("hunter2")}, {"value": "***"}),
    ],
)
def test_a_secret_is_stars_wherever_it_stands(event: dict[str, object], expected: dict[str, object]) -> None:
    assert masked(event) == expected


@given(text=st.text())
def test_what_is_printed_has_nothing_that_a_terminal_obeys(text: str) -> None:
    assert printable(text).isprintable()


@given(text=st.text(st.characters(categories=["L", "N", "P"])))
def test_plain_text_is_printed_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, given back as it was."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield logger
    for handler in logger.handlers:
        handler.close()
    logger.handlers[:] = handlers
    logger.setLevel(level)


def test_a_full_log_file_gives_way_to_a_new_one_and_the_oldest_go(
    root: logging.Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "FILE_BYTES", 400)
    logs.set_up(location=str(tmp_path), name="tq")
    for number in range(40):
        root.info("number %d of many", number)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "tq.log", *(f"tq.log.{age}" for age in range(1, log_file.FILES_KEPT + 1))
    ]  # fmt: skip
    assert "number 39" in (tmp_path / "tq.log").read_text()
    assert all(path.stat().st_size <= 600 for path in tmp_path.iterdir())


def test_a_full_log_file_that_another_process_has_open_on_windows_grows_and_loses_no_line(
    root: logging.Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a full file, an older one, and another process that reads the newer
    refuse_open_files(monkeypatch)
    monkeypatch.setattr(log_file, "FILE_BYTES", 400)
    monkeypatch.setattr(log_file, "TRY_AGAIN_S", 0.0)
    logs.set_up(location=str(tmp_path), name="tq")
    log = tmp_path / "tq.log"
    (tmp_path / "tq.log.1").write_text("older")
    with log.open():
        for number in range(20):
            root.info("number %d", number)

    # then all lines stand in it, and the older one is where it was
    assert log.read_text().count("number") == 20
    assert (tmp_path / "tq.log.1").read_text() == "older"

    # and when the other has closed it, a new one is begun
    root.info("number 20")
    assert log.read_text().count("number") == 1
    assert (tmp_path / "tq.log.2").read_text() == "older"
