"""The commands of docs/tutorial.md, played against a system of `make up`: `python -m tools.tutorial` renews the output.

A block ```sh is typed, the block ```text right behind it is what it prints on standard output.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

from msgspec import Struct

from sandbox.launch.processes import ROOT

PAGE = ROOT / "docs" / "tutorial.md"

#: A block that is typed, and what it prints, "" where nothing is shown.
STEP = re.compile(r"```sh\n(?P<typed>.*?)```\n(?:\n```text\n(?P<printed>.*?)```\n)?", re.DOTALL)

#: What the shell prints before each step, to tell one step's output from the next.
MARK = "=== step"

#: Seconds that the whole page may take.
PATIENCE_S = 120.0

#: What differs from run to run, and what stands for it when two outputs are compared (a table is as wide as its cells).
VARIES = (
    (re.compile(r"\b[0-9a-f]{16,24}\b"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\dZ?"), "TIME"),
    (re.compile(r"\b\d+(?:\.\d+)? (?:s|min|ms)\b"), "SECONDS"),
    (re.compile(r"@[\w.-]+"), "@HOST"),
    # On a slow machine the first sync may be going on still, as a worker's last sign has it.
    (re.compile(r"lists\.sync [0-9a-f]{12} for SECONDS"), "nothing"),
    # Which call meets the outage first.
    (re.compile(r"answers (?:GET|POST) \S+ with"), "answers CALL with"),
    # A delta asks from somewhat before the last run on, so the seconds between them count.
    (re.compile(r"[\d,]+ indicators have changed"), "SOME indicators have changed"),
    (re.compile(r"[ ─━]{2,}"), "  "),
    (re.compile(r"[ \t]+$", re.MULTILINE), ""),
)


class Walkthrough(Struct, frozen=True):
    """A system that is up: the page's words for its addresses, folder and token, and what they are here."""

    words: tuple[tuple[str, str], ...]

    def type(self, text: str) -> str:
        """Return what is typed here for `text` of the page."""
        for shown, real in self.words:
            text = text.replace(shown, real)
        return text

    def show(self, text: str) -> str:
        """Return `text`, printed here, in the page's words."""
        for shown, real in self.words:
            text = text.replace(real, shown)
        return text


def main() -> None:
    """Play the page and renew what it shows."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as session:
        page = PAGE.read_text()
        PAGE.write_text(renewed(page, play(page, session)))


@contextmanager
def running(folder: Path) -> Iterator[Walkthrough]:
    """Start `make up` in `folder`, yield once it tells how to play, and stop it."""
    command = [sys.executable, "-m", "sandbox.launch.up", "--folder", str(folder), "--threatq-port", "0"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TQ_")}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environ, start_new_session=True
    ) as up:
        try:
            lines = iter(up.stdout or ())
            told = "".join(takewhile(lambda line: "tqctl" not in line or "check" not in line, lines))
            yield session(folder, told)
        finally:
            os.killpg(up.pid, signal.SIGINT)
            up.communicate(timeout=PATIENCE_S)


def session(folder: Path, told: str) -> Walkthrough:
    """Read addresses and token from what `make up` has `told`."""
    threatq = re.search(r"ThreatQ \(simulated\) +(\S+)", told)
    http = re.search(r"status page, HTTP +(\S+) +token (\S+)", told)
    if threatq is None or http is None:
        raise RuntimeError(f"make up did not start: {told}")
    return Walkthrough(
        (
            ("THE-TOKEN-OF-MAKE-UP", http[2]),
            ("http://127.0.0.1:8900", threatq[1]),
            ("http://127.0.0.1:8070", http[1]),
            ("$PWD/var/config", str(folder / "config")),
            ("$PWD/.venv/bin", str(Path(sys.executable).parent)),
        )
    )


def play(page: str, session: Walkthrough) -> list[str]:
    """Type every step of `page` into one shell; return what each printed. Raises where one ends with an error."""
    steps = [found["typed"] for found in STEP.finditer(page)]
    script = "set -e\n" + "".join(f"echo '{MARK}'\n{session.type(typed)}\n" for typed in steps)
    shell = subprocess.run(
        [shutil.which("bash") or "sh", "-c", script],
        env={**os.environ, "COLUMNS": "110", "NO_COLOR": "1", "XDG_CONFIG_HOME": "/nonexistent"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if shell.returncode:
        number = shell.stdout.count(MARK)
        raise RuntimeError(
            f"step {number} of the tutorial ends with code {shell.returncode}:\n"
            f"{steps[number - 1]}{shell.stdout[-800:]}{shell.stderr[-800:]}"
        )
    return [session.show(printed).lstrip("\n") for printed in shell.stdout.split(MARK)[1:]]


def renewed(page: str, outputs: list[str]) -> str:
    """Return `page` with what each step printed, where the page shows it."""
    remaining = iter(outputs)

    def step(found: re.Match[str]) -> str:
        printed = next(remaining)
        shown = "" if found["printed"] is None else f"\n```text\n{stripped(printed)}```\n"
        return f"```sh\n{found['typed']}```\n{shown}"

    return STEP.sub(step, page)


def stripped(printed: str) -> str:
    """Return `printed` without blanks at the ends of lines."""
    return "".join(f"{line.rstrip()}\n" for line in printed.rstrip().splitlines())


def comparable(printed: str) -> str:
    """Return `printed` with what differs from run to run replaced."""
    for pattern, word in VARIES:
        printed = pattern.sub(word, printed)
    return printed.strip()


if __name__ == "__main__":
    main()
