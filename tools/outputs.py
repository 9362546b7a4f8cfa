"""What commands print on a running system, kept in docs/output/ and pasted into the pages that show it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from sandbox.launch.processes import ROOT
from sandbox.launch.system import System

DOCS = ROOT / "docs"
OUTPUTS = DOCS / "output"

EXAMPLE = ROOT / "tests" / "fixtures" / "payload-example.json"

BIN = Path(sys.executable).parent

#: Each output by its name, in the order in which they are made.
COMMANDS = {
    "events-builder": ["tq-conn-events-builder", "-p", f"@{EXAMPLE}", "--wait", "30"],
    "explain": ["tq-conn-events-builder", "-p", f"@{EXAMPLE}", "--explain"],
    "lookup": ["tq-lookup", "IP Address", "1.2.3.4"],
    "sync-plan": ["tq-conn-logrhythm", "--dry-run"],
    "sync-held": ["tqctl", "sync", "held"],
    "sync-history": ["tqctl", "sync", "history"],
    "status": ["tqctl", "status"],
    "check": ["tqctl", "check"],
}

#: Lines of an output that are shown.
MOST_LINES = 48

#: Where a page shows an output.
PLACE = re.compile(r"<!-- output (?P<name>[a-z-]+) -->\n.*?<!-- end of output -->", re.DOTALL)


def print_all(system: System) -> None:
    """Run every command, keep what it prints, and put that into the pages."""
    OUTPUTS.mkdir(exist_ok=True)
    for name, words in COMMANDS.items():
        shown = command(system, *words)
        line = " ".join(f'"{word}"' if " " in word else word for word in words)
        text = without_places(f"$ {line}\n{shown}", system)
        lines = [line.rstrip() for line in text.splitlines()]
        more = [f"… and {len(lines) - MOST_LINES} lines more"] if len(lines) > MOST_LINES else []
        (OUTPUTS / f"{name}.txt").write_text("\n".join([*lines[:MOST_LINES], *more, ""]))
    for page in sorted(DOCS.rglob("*.md")):
        page.write_text(pasted(page.read_text()))


def without_places(text: str, system: System) -> str:
    """Return a text with the addresses and folders of a real system instead of those of this machine."""
    places = {
        str(system.config): "/etc/tq",
        f"{ROOT}/": "",
        system.settings.threatq_url: "https://threatq.example",
        system.logrhythm: "https://logrhythm.example:8501",
    }
    for place, shown in places.items():
        text = text.replace(place, shown)
    return text


def command(system: System, name: str, *words: str) -> str:
    """Run a command of ours and return what it prints."""
    environ = {
        **system.processes.environ,
        "TQ_CONFIG": str(system.config),
        "XDG_CONFIG_HOME": str(system.config.parent),
        "COLUMNS": "110",
        "NO_COLOR": "1",
    }
    shown = subprocess.run(
        [BIN / name, *words], env=environ, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    return shown.stdout or shown.stderr


def pasted(page: str) -> str:
    """Return a page with each output that it shows as it is now."""
    return PLACE.sub(_output, page)


def _output(found: re.Match[str]) -> str:
    text = (OUTPUTS / f"{found['name']}.txt").read_text()
    return f"<!-- output {found['name']} -->\n```text\n{text}```\n<!-- end of output -->"
