"""Every entry point starts where what CPython on Windows lacks is missing, on a console of cp1252."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest

from sandbox.launch.processes import ROOT

SCRIPTS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


def behind_the_gate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.support.windows_gate", *arguments],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        encoding="cp1252",
        timeout=120,
    )


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_entry_point_starts_without_what_windows_lacks(name: str) -> None:
    done = behind_the_gate(*SCRIPTS[name].split(":"), "--help")
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout.lower()


def test_every_module_of_ours_can_be_imported_without_what_windows_lacks() -> None:
    done = behind_the_gate("--all")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 300


def test_the_gate_refuses_what_windows_lacks() -> None:
    assert "No module named 'fcntl'" in behind_the_gate("fcntl", "flock").stderr
    assert "no attribute 'fork'" in behind_the_gate("os", "fork").stderr
