"""docs/first-run.md, played as it stands, with the simulated ThreatQ as the real one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.launch.redis_server import free_port
from tests.support.sandbox_threatq import SandboxThreatQ
from tools.tutorial import STEP, comparable
from workers.settings.loading import load

pytestmark = pytest.mark.acceptance

ROOT = Path(__file__).resolve().parents[2]

#: Every command of the page with what it prints, in order.
STEPS = [
    (step["typed"], step["printed"] or "") for step in STEP.finditer((ROOT / "docs/first-run.md").read_text())
]

_, EXPORT, UP, NEXT, PAYLOAD, HTTP, CHECK, UNIT = STEPS


class Person:
    """Types blocks of the page into a shell, in a home and a folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.http_port = str(free_port())
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(home), "TQ_HTTP_PORT": self.http_port}

    def start(self, typed: str) -> subprocess.Popen[str]:
        """Start a block; its commands are those of the page, on ports that are free here."""
        typed = typed.replace("http://127.0.0.1:8070", f"http://127.0.0.1:{self.http_port}")
        typed = typed.replace(
            "tqctl up --production", f"exec tqctl up --production --redis-port {free_port()}"
        )
        return subprocess.Popen(
            ["bash", "-ec", EXPORT[0] + typed], cwd=self.home, env=self.environ, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def type(self, typed: str) -> str:
        """Type a block and return what it prints."""
        with self.start(typed) as process:
            printed, _ = process.communicate(timeout=60)
        assert process.returncode == 0, printed
        return printed


@pytest.fixture
def person(tmp_path: Path) -> Person:
    """A user whose installation (test_installation.py plays that step) is the environment of these tests."""
    (tmp_path / "tq").mkdir()
    (tmp_path / "tq/venv").symlink_to(Path(sys.executable).parents[1])
    return Person(tmp_path)


@pytest.fixture
def running(person: Person, threatq_sandbox: SandboxThreatQ) -> Iterator[subprocess.Popen[str]]:
    """The system of the page's second step, its questions answered by a pipe."""
    answers = (
        threatq_sandbox.url,
        threatq_sandbox.client_id,
        threatq_sandbox.email,
        threatq_sandbox.password,
        "Review",
    )
    with person.start(UP[0]) as process:
        assert process.stdin is not None
        process.stdin.write("".join(f"{answer}\n" for answer in answers))
        process.stdin.close()
        process.stdin = None
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


def lines_until(process: subprocess.Popen[str], text: str) -> list[str]:
    """Read what a process prints until a line begins with `text`."""
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith(text):
            return lines
    raise AssertionError("\n".join(lines))


def prompts(lines: list[str]) -> list[str]:
    """Return the questions among these lines, and the sentence of the guides."""
    asked = (
        r"(?:ThreatQ Host|Client ID|E-Mail Address|Password|Status|Redis URL)(?=: )|Connector configured.*"
    )
    return [match[0] for line in lines if (match := re.match(asked, line))]


def test_the_page_leads_from_a_wheel_to_an_event_and_a_restart_keeps_it(
    person: Person, running: subprocess.Popen[str], threatq_sandbox: SandboxThreatQ
) -> None:
    # Given step 2: exactly the questions that the page shows
    asked = prompts(lines_until(running, "Running."))
    assert asked == prompts(UP[1].splitlines())
    settings = load(person.home / "tq/config", {}).settings
    assert str(settings.redis_url).startswith("redis://embedded:")

    # When the other steps are done: the connector is enabled where the page says so
    assert person.type(NEXT[0]) == NEXT[1]
    (page,) = threatq_sandbox.get("/api/connectors", name="Events Builder")["data"]
    threatq_sandbox.control("connector", {"name": "Events Builder", "is_active": True, "custom_fields": {}})
    sent = person.type(PAYLOAD[0])

    # Then the event is there, and each step prints what the page shows
    assert comparable(sent.replace(threatq_sandbox.url, "https://threatq.example.com")) == comparable(
        PAYLOAD[1]
    )
    assert person.type(HTTP[0]) == HTTP[1]
    assert re.fullmatch(r"\d+ ok, \d+ warning, 0 failed\n", person.type(CHECK[0]))
    assert page["is_active"] is False
    assert len(threatq_sandbox.get("/api/events")["data"]) == 1

    # And what the first start has written is in the audit trail
    assert "http_tokens" in person.type("tqctl audit\n")

    # And only its user may read what it keeps, and no command line shows the password of Redis
    open_to_others = [path for path in (person.home / "tq/data").rglob("*") if path.stat().st_mode & 0o077]
    assert open_to_others == []
    password = settings.redis_url.partition("embedded:")[2].partition("@")[0]
    assert password.encode() not in b"".join(
        path.read_bytes() for path in Path("/proc").glob(f"{running.pid}/cmdline")
    )
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if password.encode() in read(path)]

    # And after a stop in order it starts again by itself, with all that it had accepted
    running.send_signal(signal.SIGTERM)
    assert "Everything is stopped." in lines_until(running, "Everything")
    assert running.wait(timeout=30) == 0
    with person.start(UP[0]) as again:
        try:
            assert prompts(lines_until(again, "Running.")) == []
            assert person.type(PAYLOAD[0]).startswith("known ")
        finally:
            again.send_signal(signal.SIGTERM)
            again.communicate(timeout=60)
    assert again.returncode == 0
    assert "ExecStart=" in person.type(f"{UNIT[0]}cat tq-workers.service\n")


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
