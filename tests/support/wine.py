"""CPython for Windows, run by wine: what `python -m tools.windows` has prepared."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.windows import FOLDER, ROOT, VERSION

PYTHON = FOLDER / f"cp{VERSION}" / "python.exe"

#: Seconds for one command: wine starts slowly on a busy machine.
MOST_S = 180

needs_wine = pytest.mark.skipif(
    shutil.which("wine") is None or not PYTHON.exists(),
    reason="needs wine (Debian: wine64 wine) and python -m tools.windows",
)


def windows_path(path: Path) -> str:
    """Return a path as programs in wine know it."""
    return "Z:" + str(path).replace("/", "\\")


class Windows:
    """One Windows, whose registry and files of a user lie in a folder of the test."""

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix

    def python(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run Python to its end; its output is decoded as that of a console in the West."""
        places = ";".join(map(windows_path, (ROOT, FOLDER / "site")))
        wine = {"WINEPREFIX": str(self._prefix), "WINEDEBUG": "-all", "PYTHONPATH": places}
        system = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.run(
            ["wine", str(PYTHON), "-B", *arguments],
            env={**system, **wine, **environ},
            check=False,
            capture_output=True,
            timeout=MOST_S,
            text=True,
            encoding="cp1252",
        )

    def command(self, name: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run one of our commands, named by module and function."""
        module, _, function = name.partition(":")
        code = f"import sys; from {module} import {function}; sys.exit({function}())"
        return self.python("-c", code, *arguments, **environ)
