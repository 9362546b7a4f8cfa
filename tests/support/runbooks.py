"""The pages of docs/runbooks: read by their headings, and followed in a shell as an operator would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from msgspec import Struct

PAGES = Path(__file__).resolve().parents[2] / "docs" / "runbooks"
UNITS = PAGES.parents[1] / "deploy" / "systemd"

#: The headings of every page, in their order.
LOOK, DO, OVER = "What to look at", "What to do", "When it is over"

#: Programs of the machine that a page names: a test has no systemd, so each writes down what it was asked for.
PLAYED = ("systemctl", "journalctl")


def page(alert: str) -> str:
    """Return the text of an alert's page."""
    return (PAGES / f"{alert}.md").read_text(encoding="utf-8")


def commands(alert: str, heading: str) -> str:
    """Return the commands under one heading of a page, as they stand."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", page(alert), flags=re.MULTILINE | re.DOTALL)
    return (
        "".join(re.findall(r"^```sh\n(.*?)^```$", section[1], flags=re.MULTILINE | re.DOTALL))
        if section
        else ""
    )


class Followed(Struct, frozen=True):
    """What the commands printed, and the services of the machine that they started or stopped."""

    printed: str
    services: list[str]


class Reader:
    """Follows pages; `environ` are the settings, and what a page has as `$NAME`."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder, self.environ = folder, environ
        self.asked = folder / "asked"
        for name in PLAYED:
            played = folder / name
            played.write_text(f'#!/bin/sh\necho "{name} $*" >> "{self.asked}"\n', encoding="utf-8")
            played.chmod(0o755)

    def looks(self, alert: str, heading: str = LOOK) -> str:
        """Run what only looks; each command must be known and well-formed, whatever it finds wrong."""
        done = self._bash(commands(alert, heading), "-u")
        assert done.returncode in (0, 1, 3), done.stdout + done.stderr
        for wrong in ("usage:", "command not found"):
            assert wrong not in done.stderr, done.stderr
        return done.stdout + done.stderr

    def does(self, alert: str) -> Followed:
        """Run the steps, each of which must succeed."""
        self.asked.write_text("", encoding="utf-8")
        done = self._bash(commands(alert, DO), "-eu")
        assert done.returncode == 0, done.stdout + done.stderr
        words = [line.split() for line in self.asked.read_text(encoding="utf-8").splitlines()]
        return Followed(done.stdout, [" ".join(line[1:]) for line in words if line[0] == "systemctl"])

    def _bash(self, script: str, how: str) -> subprocess.CompletedProcess[str]:
        ours = Path(sys.executable).parent
        environ = {**os.environ, "PATH": f"{self.folder}:{ours}:{os.environ['PATH']}", **self.environ}
        return subprocess.run(
            ["bash", how, "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
