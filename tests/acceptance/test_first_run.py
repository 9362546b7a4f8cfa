"""The first run of the real command, on a real terminal, against the simulated ThreatQ."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.terminal import Terminal
from workers.settings.loading import load

pytestmark = pytest.mark.acceptance

COMMAND = str(Path(sys.executable).with_name("tq-conn-events-builder"))
ENVIRON = {"PATH": os.environ["PATH"], "TERM": "dumb", "HOME": "/nonexistent"}


def start(folder: Path, *arguments: str) -> Terminal:
    return Terminal([COMMAND, "-v3", "-ll", "stdout", "-c", str(folder), *arguments], cwd=folder, env=ENVIRON)


def answer_all(terminal: Terminal, url: str, password: str, redis_url: str = "") -> None:
    terminal.answer("ThreatQ Host: ", url)
    terminal.answer("Client ID: ", SandboxThreatQ.client_id)
    terminal.answer("E-Mail Address: ", SandboxThreatQ.email)
    terminal.answer("Password: ", password)
    terminal.answer("Status: ", "Review")
    terminal.answer("Redis URL: ", redis_url)


def test_it_asks_checks_registers_and_writes(
    tmp_path: Path, threatq_sandbox: SandboxThreatQ, redis_url: str
) -> None:
    # when
    terminal = start(tmp_path)
    answer_all(terminal, threatq_sandbox.url, threatq_sandbox.password, redis_url)
    code = terminal.end()

    # then
    assert code == 0, terminal.shown
    assert terminal.shown.endswith("\nConnector configured. Set information in UI\n")
    assert threatq_sandbox.password not in terminal.shown
    assert stat.S_IMODE((tmp_path / "tq.yaml").stat().st_mode) == 0o600
    settings = load(tmp_path, {}).settings
    assert settings.threatq_url == threatq_sandbox.url
    assert settings.threatq_password.reveal() == threatq_sandbox.password
    (connector,) = threatq_sandbox.get("/api/connectors", name="Events Builder")["data"]
    assert not connector["is_active"]


def test_once_configured_a_payload_is_accepted_and_a_second_initial_run_asks_nothing(
    tmp_path: Path, threatq_sandbox: SandboxThreatQ, redis_url: str
) -> None:
    # given
    terminal = start(tmp_path)
    answer_all(terminal, threatq_sandbox.url, threatq_sandbox.password, redis_url)
    assert terminal.end() == 0

    # when
    again = start(tmp_path)
    payload = '{"event_name": "a", "event_type": "Sighting", "event_happened_at": 1700000000}'
    sent = subprocess.run(
        [COMMAND, "-c", str(tmp_path), "-p", payload],
        env=ENVIRON,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    # then
    assert again.end() == 0
    assert "Client ID" not in again.shown
    assert again.shown.endswith("Connector configured. Set information in UI\n")
    assert sent.returncode == 0
    assert sent.stdout.startswith("accepted ")
    assert len(threatq_sandbox.get("/api/connectors", name="Events Builder")["data"]) == 1


def test_a_wrong_password_is_asked_for_again_before_anything_is_written(
    tmp_path: Path, threatq_sandbox: SandboxThreatQ
) -> None:
    terminal = start(tmp_path)
    answer_all(terminal, threatq_sandbox.url, "wrong password")
    terminal.expect("does not accept")
    assert list(tmp_path.iterdir()) == []
    terminal.answer("Password: ", threatq_sandbox.password)

    assert terminal.end() == 0
    assert "wrong password" not in terminal.shown
    assert (tmp_path / "tq.yaml").exists()


def test_a_threatq_that_cannot_be_reached_ends_it_with_nothing_written(tmp_path: Path) -> None:
    terminal = start(tmp_path)
    answer_all(terminal, "http://127.0.0.1:1", "whatever")

    assert terminal.end() == 3
    assert "ThreatQ" in terminal.shown
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_at_a_question_writes_nothing(tmp_path: Path) -> None:
    terminal = start(tmp_path)
    terminal.answer("ThreatQ Host: ", "\x03")

    assert terminal.end() == 130
    assert "Traceback" not in terminal.shown
    assert list(tmp_path.iterdir()) == []
