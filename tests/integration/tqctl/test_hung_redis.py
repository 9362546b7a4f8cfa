"""Commands about lists while Redis takes connections and never answers: they say so after one try."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from msgspec import structs

from tests.support.sync_stage import Stage, write_config
from tqctl import shell
from tqctl.main import main

pytestmark = pytest.mark.integration


class SilentServer:
    """Takes every connection, keeps it, and never sends a byte."""

    def __init__(self) -> None:
        self.links: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listening.getsockname()[1]}/0"
        self._thread = Thread(target=self._take, daemon=True)
        self._thread.start()

    def _take(self) -> None:
        try:
            while True:
                self.links.append(self._listening.accept()[0])
        except OSError:
            return

    def close(self) -> None:
        """Let go of all connections."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(timeout=5)
        for link in self.links:
            link.close()


@pytest.fixture
def silent() -> Iterator[SilentServer]:
    server = SilentServer()
    yield server
    server.close()


@pytest.mark.parametrize(
    "command",
    [["lists", "show"], ["explain", "203.0.113.9"], ["sync", "takeover"], ["migrate"]],
    ids=" ".join,
)
def test_a_redis_that_never_answers_is_named_after_one_try(
    command: list[str],
    stage: Stage,
    silent: SilentServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(shell, "ANSWER_TIMEOUT_S", 0.2)
    settings = structs.replace(stage.runtime.settings, redis_url=silent.url)
    config = write_config(tmp_path / "config", settings)
    # When
    code = main(["-c", str(config), *command])
    # Then the command ends, and names the service and the setting
    shown = capsys.readouterr()
    assert code != 0
    assert "Redis cannot be reached" in shown.out + shown.err
    assert len(silent.links) <= 2, "a person waits for each further try"
