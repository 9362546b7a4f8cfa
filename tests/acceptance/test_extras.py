"""What each extra brings is enough for its part, and a part that is not installed says what to install."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.support.deployment import ROOT
from tests.support.producers import SENDER, Shim, event

pytestmark = pytest.mark.acceptance

STUBS = (
    *("tq-lookup", "tq-add-ioc", "tq-sighting"),
    *("tq-mark-true-positive", "tq-mark-false-positive", "tq-whitelist-ioc"),
)

#: What a worker's machine runs; each of these also says that it lacks everything where nothing else is installed.
BASE = ("tqctl", "tq-workers", "tq-conn-events-builder", "tq-conn-logrhythm", "tq-job", "tq-redis-bridge")

#: A machine with an interpreter and one wheel of ours: runs a command of it, and returns how that ended.
Machine = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    subprocess.run((*pip, "--wheel-dir", folder, ROOT), check=True, timeout=300)
    (wheel,) = folder.iterdir()
    return wheel


def machine(wheel: Path, folder: Path, extra: str = "", *options: str) -> Machine:
    """Install the wheel with an extra, in the locked versions, where there is nothing else."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    bin_folder = folder / ("Scripts" if sys.platform == "win32" else "bin")
    uv = (
        Path(sys.executable).with_name("uv"),
        "pip",
        "install",
        "--quiet",
        "--python",
        bin_folder / "python",
    )
    package = f"tq-workers{extra} @ {wheel.as_uri()}"
    subprocess.run(
        (*uv, "--constraint", ROOT / "requirements.lock", *options, package), check=True, timeout=300
    )

    def run(command: str, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [bin_folder / command, *words],
            cwd=folder,
            env={"PATH": os.defpath, "HOME": str(folder), **environ},
            check=False,
            capture_output=True,
            text=True,
            timeout=180,
        )

    return run


def says(run: Machine, extra: str, command: str, *words: str, **environ: str) -> None:
    """Assert that a command ends with one line that says which extra to install."""
    refused = run(command, *words, **environ)
    line = rf'error: .* needs \w+, which is not installed here; pip install "{re.escape(extra)}"\n'
    assert refused.returncode == 2, refused.stderr
    assert re.fullmatch(line, refused.stderr), refused.stderr


def test_the_wheel_alone_is_enough_for_smart_response_and_for_payloads(
    wheel: Path, tmp_path: Path, redis_url: str
) -> None:
    # Given the wheel without any other package
    run = machine(wheel, tmp_path / "venv", "", "--no-deps")

    # Then each of LogRhythm's commands is there, and one of them has its job accepted
    for command in STUBS:
        assert run(command, "--help").returncode == 0
    asked = run("tq-lookup", "IP Address", "203.0.113.9", "--no-wait", "--json", TQ_REDIS_URL=redis_url)
    assert (asked.returncode, '"accepted"' in asked.stdout) == (0, True), asked.stderr

    # And a configuration that only a library can read is no riddle
    (tmp_path / "tq.yaml").write_text("redis_url: [redis://127.0.0.1]\n")
    refused = run("tq-lookup", "IP Address", "203.0.113.9", "-c", str(tmp_path))
    assert refused.returncode == 2
    assert (
        'needs msgspec, which is not installed here; pip install "tq-workers", or keep to' in refused.stderr
    )

    # And a payload goes through the HTTP entry point
    entry_point = tmp_path / "entry-point"
    entry_point.mkdir()
    with Shim(entry_point, redis_url) as shim:
        entry = {"TQ_HTTP_URL": shim.url, "TQ_HTTP_TOKEN": SENDER}
        sent = run("tq-conn-events-builder", "-p", json.dumps(event()), **entry)
    assert (sent.returncode, sent.stdout.split()[:1]) == (0, ["queued"]), sent.stderr
    refused = run("tq-conn-events-builder", "--help")
    assert (refused.returncode, "or set TQ_HTTP_URL" in refused.stderr) == (2, True)

    # And every other command says what to install
    for command in sorted(set(BASE) - {"tq-conn-events-builder"}):
        says(run, "tq-workers", command, "--help")


def test_a_worker_needs_no_extra_and_the_other_parts_say_theirs(wheel: Path, tmp_path: Path) -> None:
    # Given the wheel with what it needs
    run = machine(wheel, tmp_path / "venv")

    # Then everything that a worker's machine runs starts
    for command in BASE:
        assert run(command, "--help").returncode == 0, command
    assert run("celery", "-A", "workers.app", "worker", "--help").returncode == 0

    # And each other part says which extra it comes with
    says(run, "tq-workers[http]", "tq-http-shim", "--help")
    says(run, "tq-workers[sandbox]", "tq-sandbox", "--help")
    says(run, "tq-workers[http]", "tqctl", "up", "--production")
    says(run, "tq-workers[sandbox]", "tqctl", "demo")
    says(run, "tq-workers[flower]", "tqctl", "flower")
    keys = tmp_path / "keys"
    keys.write_text("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n")
    keys.chmod(0o600)
    says(run, "tq-workers[encryption]", "tqctl", "status", TQ_ENCRYPTION_KEYS_FILE=str(keys))


@pytest.mark.parametrize(
    ("extra", "command"),
    [
        ("[http]", ("tq-http-shim", "--help")),
        ("[flower]", ("celery", "-A", "workers.app", "flower", "--help")),
    ],
)
def test_an_extra_is_enough_for_its_part(
    wheel: Path, tmp_path: Path, extra: str, command: tuple[str, ...]
) -> None:
    run = machine(wheel, tmp_path / "venv", extra)
    done = run(*command)
    assert done.returncode == 0, done.stderr


def test_the_demo_runs_from_the_wheel_and_leaves_nothing_beside_it(wheel: Path, tmp_path: Path) -> None:
    # Given the wheel with the simulated services, and no checkout
    run = machine(wheel, tmp_path / "venv", "[sandbox]")
    # When the demo is run
    done = run("tqctl", "demo")
    # Then it shows the event of the guide's payload, and what a person without a checkout may do next
    assert done.returncode == 0, done.stderr
    assert "Event 1 in ThreatQ" in done.stdout
    assert done.stdout.rstrip().endswith("Next: tqctl up")
    # And a system that is left running has its data where it was started, not among the libraries
    asked = run(
        "python", "-c", "from sandbox.launch import places; print(places.FOLDER, places.EXAMPLE.is_file())"
    )
    assert asked.stdout.split() == [str(tmp_path / "venv" / "tq-workers"), "True"]


def test_uvx_and_pipx_run_it_without_an_installation(wheel: Path, tmp_path: Path) -> None:
    bin_folder = Path(sys.executable).parent
    environ = {**os.environ, "PATH": f"{bin_folder}:{os.defpath}", "PIPX_HOME": str(tmp_path)}
    for words in (
        ("uvx", "--from", wheel, "tq-workers", "--version"),
        ("pipx", "run", "--backend", "uv", "--spec", wheel, "tq-workers", "--version"),
    ):
        done = subprocess.run(
            [bin_folder / words[0], *words[1:]],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        assert done.stdout.strip() == version("tq-workers")
