"""Commands at their edges: output that is closed, full or no longer read, Ctrl-C, and what was mistyped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.waiting import until
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger

pytestmark = pytest.mark.integration

BIN = Path(sys.executable).parent
PAYLOAD = json.dumps(
    {"event_name": "one", "event_type": "Sighting", "event_happened_at": "2021-10-05T19:01:02Z"}
)

#: What is typed, and how it ends: the exit code tells of the work, not of who reads about it.
COMMANDS = {
    "payload": ("tq-conn-events-builder", "-p", PAYLOAD),
    "action": ("tq-lookup", "FQDN", "x.example", "--no-wait"),
    "job": ("tq-job", "--help"),
    "operator": ("tqctl", "jobs", "list"),
}

Ended = subprocess.CompletedProcess[str]


class Shell:
    """Runs our commands in a folder of their own, on a ledger of this test."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TQ_")}
        self.folder = folder
        self.environ = {
            **clean,
            "TQ_REDIS_URL": redis_url,
            "XDG_STATE_HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
        }

    def start(self, command: str, *words: str, redirect: str = "", **environ: str) -> subprocess.Popen[str]:
        """Start a command, with its output redirected as a shell does."""
        return subprocess.Popen(
            ["bash", "-c", f'exec "$@" {redirect}', "bash", str(BIN / command), *words],
            cwd=self.folder,
            env=self.environ | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, command: str, *words: str, redirect: str = "", **environ: str) -> Ended:
        """Run a command to its end."""
        return ended(self.start(command, *words, redirect=redirect, **environ))


def ended(process: subprocess.Popen[str]) -> Ended:
    """Wait for the end of a process."""
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture
def shell(tmp_path: Path, redis_url: str) -> Shell:
    return Shell(tmp_path, redis_url)


@pytest.fixture
def mute() -> Iterator[socket.socket]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


@pytest.mark.parametrize("redirect", [">&- 2>&-", "> /dev/full", "> >(exec >&- <&-)"])
@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_no_command_fails_over_an_output_that_is_closed(
    shell: Shell, words: tuple[str, ...], redirect: str
) -> None:
    result = shell.run(*words, redirect=redirect)
    assert "Traceback" not in result.stderr
    assert "Exception ignored" not in result.stderr
    assert "should not happen" not in result.stderr
    # 120 is the interpreter's own, when it cannot write at its end.
    assert result.returncode in (0, 1, 2)


def test_a_full_disk_behind_the_output_is_named(shell: Shell) -> None:
    told = shell.run("tq-conn-events-builder", "-p", PAYLOAD, redirect="> /dev/full")
    assert "the output cannot be written, as the disk is full" in told.stderr
    action = shell.run("tq-lookup", "FQDN", "x.example", "--no-wait", redirect="> /dev/full")
    assert (action.returncode, "No space left" in action.stderr) == (0, True)


def test_ctrl_c_while_a_payload_is_waited_for_still_tells_every_job(shell: Shell, admin: LedgerAdmin) -> None:
    two = json.dumps([json.loads(PAYLOAD), {**json.loads(PAYLOAD), "event_name": "two"}])
    admin.redis.config_resetstat()
    process = shell.start("tq-conn-events-builder", "-p", two, "--wait", "50")
    # Redis has both before the command has its answer; it waits once it has looked for what became of one.
    until(lambda: "cmdstat_xrange" in admin.redis.info("commandstats"), within_s=30)
    process.send_signal(signal.SIGINT)
    result = ended(process)
    assert result.returncode == 130
    assert sorted(admin.ids("accepted")) == sorted(
        line.split()[1] for line in result.stdout.splitlines() if line.startswith("accepted")
    )
    assert result.stdout.count("the command stopped waiting") == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (COMMANDS["action"], "run tq-lookup again, nothing is done twice"),
        (("tq-job", "none"), "interrupted"),
    ],
    ids=["action", "job"],
)
def test_ctrl_c_ends_a_command_with_one_line(
    shell: Shell, mute: socket.socket, words: tuple[str, ...], said: str
) -> None:
    process = shell.start(*words, TQ_REDIS_URL=f"redis://127.0.0.1:{mute.getsockname()[1]}/0")
    with mute.accept()[0]:
        process.send_signal(signal.SIGINT)
        result = ended(process)
    assert (result.returncode, result.stdout) == (130, "")
    (line,) = result.stderr.splitlines()
    assert said in line


def test_a_file_that_is_named_without_its_at_sign_is_told(shell: Shell) -> None:
    (shell.folder / "payload.json").write_text(PAYLOAD)
    result = shell.run("tq-conn-events-builder", "-p", "payload.json")
    assert (result.returncode, "write @payload.json" in result.stderr) == (2, True)
    assert "no file is named" in shell.run("tq-conn-events-builder", "-p", "@").stderr


@pytest.mark.parametrize("words", [COMMANDS["action"], ("tq-job", "none")], ids=["action", "job"])
def test_a_folder_without_settings_is_no_reason_to_try_a_redis_that_was_not_named(
    shell: Shell, words: tuple[str, ...]
) -> None:
    result = shell.run(*words, "-c", "nowhere", TQ_REDIS_URL="")
    assert result.returncode == 2
    assert f"there is no {Path('nowhere') / 'tq.yaml'}" in result.stderr
    assert list(shell.folder.rglob("*.job")) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("tq-http-shim", "--insecure-no-auth", "--port", "99999"), "a port is at most 65535"),
        (("tq-sandbox", "--port", "99999"), "a port is at most 65535"),
        (
            ("tq-http-shim", "--insecure-no-auth", "--port", "0", "--ready-file", "no/x"),
            "no/x cannot be written",
        ),
        (("tq-redis-bridge", "--ready-file", "no/x"), "no/x cannot be written"),
        (("tq-sandbox", "--port", "0", "--share", "no"), "No such file"),
    ],
)
def test_a_server_that_cannot_start_as_asked_says_why(
    shell: Shell, words: tuple[str, ...], said: str
) -> None:
    result = shell.run(*words)
    assert (result.returncode, said in result.stderr) == (2, True)
    assert "Traceback" not in result.stderr


def test_waiting_in_vain_tells_which_service_is_away(shell: Shell, ledger: Ledger) -> None:
    ledger.service_away("threatq", "ThreatQ does not accept this password", after=60)
    result = shell.run("tq-conn-events-builder", "-p", PAYLOAD, "--wait", "0.2")
    assert result.returncode == 3
    assert "open: ThreatQ does not accept this password; the job is kept" in result.stdout
