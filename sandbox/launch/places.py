"""Where things are for a person who tries the system out: in a checkout, or where the wheel is installed."""

from __future__ import annotations

import sys
from pathlib import Path

from sandbox.launch.processes import ROOT

#: A wheel has no pyproject.toml beside its packages.
_IS_CHECKOUT = (ROOT / "pyproject.toml").is_file()

#: Where the data, the configuration and the logs of `tqctl up` stay from one start to the next.
FOLDER = ROOT / "var" if _IS_CHECKOUT else Path.cwd() / "tq-workers"

#: The folder of our commands, the guide's payload, and the command that starts the system, as a person types them.
BIN = ".venv/bin" if _IS_CHECKOUT else str(Path(sys.executable).parent)
EXAMPLE = (
    "tests/fixtures/payload-example.json"
    if _IS_CHECKOUT
    else Path(__file__).with_name("payload-example.json")
)
UP = "make up" if _IS_CHECKOUT else "tqctl up"


def short(path: Path) -> Path:
    """Return a path as it is named in a checkout."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
