"""Each command says which version it is."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from sandbox.launch.processes import ROOT

pytestmark = pytest.mark.acceptance

COMMANDS = sorted(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"])


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_says_its_version(command: str) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name(command)), "--version"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout.strip()) == (0, version("tq-workers"))
