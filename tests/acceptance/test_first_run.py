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


def test_after_a_typo_in_the_client_id_the_other_answers_are_an_enter(
    tmp_path: Path, threatq_sandbox: SandboxThreatQ, redis_url: str
) -> None:
    terminal = start(tmp_path)
    terminal.answer("ThreatQ Host: ", threatq_sandbox.url)
    terminal.answer("Client ID: ", "clinet")
    terminal.answer("E-Mail Address: ", threatq_sandbox.email)
    terminal.answer("Password: ", threatq_sandbox.password)
    terminal.expect("does not accept")
    assert threatq_sandbox.password not in (tmp_path / "tq.yaml").read_text()
    terminal.answer("Client ID [clinet]: ", threatq_sandbox.client_id)
    terminal.answer(f"E-Mail Address [{threatq_sandbox.email}]: ", "")
    terminal.answer("Password [***]: ", "")
    terminal.answer("Status: ", "")
    terminal.answer("Redis URL: ", "redis://127.0.0.1:1/0")
    terminal.expect("Redis cannot be reached")
    terminal.answer("Redis URL [redis://127.0.0.1:1/0]: ", redis_url)

    assert terminal.end() == 0, terminal.shown
    assert threatq_sandbox.password not in terminal.shown


def test_a_run_that_ctrl_c_ends_is_taken_up_by_the_next_one_which_may_be_fed_by_a_pipe(
    tmp_path: Path, threatq_sandbox: SandboxThreatQ, redis_url: str
) -> None:
    # Given a host that cannot be reached, then the right one, then Ctrl-C
    terminal = start(tmp_path)
    terminal.answer("ThreatQ Host: ", "http://127.0.0.1:1")
    terminal.expect("cannot be reached")
    terminal.answer("ThreatQ Host [http://127.0.0.1:1]: ", threatq_sandbox.url)
    terminal.answer("Client ID: ", threatq_sandbox.client_id)
    terminal.answer("E-Mail Address: ", "\x03")
    assert terminal.end() == 130
    assert "Traceback" not in terminal.shown
    assert "the same command goes on from there" in terminal.shown

    # When the other answers come through a pipe
    answers = f"{threatq_sandbox.email}\n{threatq_sandbox.password}\nActive\n{redis_url}\n"
    piped = subprocess.run(
        [COMMAND.replace("tq-conn-events-builder", "tqctl"), "setup", "-c", str(tmp_path)],
        env=ENVIRON, input=answers, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    # Then all of it is configured
    assert piped.returncode == 0, piped.stderr
    assert piped.stdout.endswith("\nConnector configured. Set information in UI\n")
    settings = load(tmp_path, {}).settings
    assert (settings.threatq_client_id, settings.threatq_status) == (threatq_sandbox.client_id, "Active")
    assert settings.redis_url == redis_url
