"""The README's commands: the demo shows the event, make up runs until Ctrl-C and leaves no process behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from sandbox.launch import up
from sandbox.launch.processes import ROOT
from tests.support.waiting import until
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect
from workers.settings.loading import load

pytestmark = pytest.mark.acceptance


def processes_of(folder: Path) -> list[int]:
    """Return the processes whose configuration lies in `folder`."""
    wanted = f"TQ_CONFIG={folder}".encode()
    return [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/environ")
        if wanted in _read(path) and int(path.parent.name) != os.getpid()
    ]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("TQ_")}


def test_a_port_that_is_taken_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "is_free", lambda port: port != up.LOGRHYTHM_PORT)
    assert (up.threatq_port(None), up.threatq_port(8905)) == (0, 8905)
    monkeypatch.setattr(up, "is_free", lambda _: True)
    assert up.threatq_port(None) == up.THREATQ_PORT


def test_the_demo_shows_the_guides_event_and_what_was_left_out() -> None:
    demo = subprocess.run(
        [sys.executable, "-m", "sandbox.launch.demo"],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env=clean_environment(),
        check=False,
    )
    assert demo.returncode == 0, demo.stderr
    for line in (
        "AWS User Add Detection: CreateUser from 1.2.3.4 to random.random.com",
        "Event Domain = random.random.com",
        "IP Address 1.2.3.4 (Review)",
        "user@co.com",
        "left out: 10.11.12.13: a private address (kept as asset)",
        "Everything is stopped",
    ):
        assert line in demo.stdout


@contextmanager
def system_that_is_up(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Yield `make up` once it says that it runs; its output goes through a pipe."""
    with subprocess.Popen(
        [sys.executable, "-m", "sandbox.launch.up", "--folder", folder, "--threatq-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=clean_environment(),
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert "Running. Ctrl-C stops it all." in [process.stdout.readline().strip() for _ in range(2)]
        yield process


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_what_make_up_started_is_gone_after_it_is_stopped(tmp_path: Path, how: signal.Signals) -> None:
    # Given a system that is up
    with system_that_is_up(tmp_path) as process:
        assert len(processes_of(tmp_path / "config")) >= 5
        # When it is stopped as a terminal does it
        os.killpg(process.pid, how)
        # Then it ends well and nothing is left
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Everything is stopped." in rest
    assert processes_of(tmp_path / "config") == []


def test_make_up_ends_quietly_where_ctrl_c_ends_the_reader_of_its_output_too(tmp_path: Path) -> None:
    # Given a system that is up and prints into a pipe, as in `make up | cat`
    with system_that_is_up(tmp_path) as process:
        # When Ctrl-C ends the reader first
        assert process.stdout is not None
        process.stdout.close()
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=60)
        assert process.stderr is not None
        complaint = process.stderr.read()
    # Then it ends well, without a traceback, and nothing is left
    assert (process.returncode, complaint) == (0, "")
    assert processes_of(tmp_path / "config") == []


def test_a_killed_worker_and_a_killed_redis_are_started_again_and_nothing_is_lost(tmp_path: Path) -> None:
    # Given a system that is up and has many payloads to work on
    with system_that_is_up(tmp_path) as process:
        settings = load(tmp_path / "config").settings
        send(tmp_path / "config", 600)
        # When a worker and Redis are killed by the buttons of its page
        for name in ("worker-events", "redis"):
            requests.post(f"{settings.threatq_url}/system/{name}/kill", timeout=30).raise_for_status()
        # Then each event is there once
        until(lambda: events_in(settings.threatq_url) >= 600, within_s=60, every_s=0.5)
        with connect(settings.redis_url) as redis:
            until(lambda: not any(LedgerAdmin(redis).open_jobs().values()), within_s=60, every_s=0.5)
        assert events_in(settings.threatq_url) == 600
        # And it was said
        os.killpg(process.pid, signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    assert "worker-events was killed (signal 9); starting it again ..." in rest
    assert "redis is there again, with all that it had accepted." in rest

    # And ThreatQ has them still after a restart of it all
    with system_that_is_up(tmp_path) as process:
        kept = events_in(load(tmp_path / "config").settings.threatq_url)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
    assert kept == 600


def send(config: Path, count: int) -> None:
    payloads = [
        {
            "event_name": f"event {number}",
            "event_type": "Sighting",
            "event_happened_at": "2024-03-01 10:00:00",
        }
        for number in range(count)
    ]
    command = Path(sys.executable).with_name("tq-conn-events-builder")
    subprocess.run(
        [command, "-c", config, "-p", "-"],
        input=json.dumps(payloads),
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        text=True,
        check=True,
        timeout=60,
    )


def events_in(url: str) -> int:
    """Count the events by the page: it needs no login."""
    page = requests.get(url, timeout=30).text
    title = page.partition("<h2>Events\n")[2].partition("</h2>")[0]
    return int((re.findall(r"[\d,]+\)", title) or ["0)"])[0].strip(",)").replace(",", ""))
