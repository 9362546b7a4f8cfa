"""What `make demo` prints, pasted into the README: `python -m tools.demo_output`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"

#: Where it stands in the README.
PLACE = re.compile(r"(?<=<!-- demo -->\n).*?(?=<!-- end of demo -->)", re.DOTALL)


def main() -> None:
    """Run the demo and put what it printed into the README."""
    environ = {**os.environ, "NO_COLOR": "1", "TERM": "dumb"}
    done = subprocess.run(
        [sys.executable, "-m", "sandbox.launch.demo"], stdout=subprocess.PIPE, env=environ, check=True
    )
    lines = [line.rstrip() for line in done.stdout.decode().splitlines()]
    text = "```text\n" + "\n".join(lines) + "\n```\n"
    README.write_text(PLACE.sub(lambda _: text, README.read_text()))


if __name__ == "__main__":
    main()
