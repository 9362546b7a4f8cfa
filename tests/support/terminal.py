"""A command on a terminal of its own, with a test at the keyboard."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

#: Makes the terminal the command's own, as a login would, so that getpass reads and silences it.
_LOG_IN = "import os, sys; os.login_tty(0); os.execv(sys.argv[1], sys.argv[1:])"


class Terminal:
    """Runs `command` on a pseudo terminal; `shown` is all that it has printed there."""

    def __init__(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> None:
        self._keyboard, screen = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LOG_IN, *command],
            stdin=screen, stdout=screen, stderr=screen, cwd=cwd, env=dict(env),
        )  # fmt: skip
        os.close(screen)
        self.shown = ""
        self._seen = 0

    def answer(self, prompt: str, text: str) -> None:
        """Wait for `prompt` after what was seen before, then type `text` and Enter."""
        self.expect(prompt)
        os.write(self._keyboard, f"{text}\n".encode())

    def expect(self, text: str, *, within_s: float = 30.0) -> None:
        """Wait until `text` is shown after what was seen before."""
        deadline = time.monotonic() + within_s
        while (at := self.shown.find(text, self._seen)) < 0:
            assert time.monotonic() < deadline, f"{text!r} is not shown: {self.shown!r}"
            assert self._read(deadline), f"ended without {text!r}: {self.shown!r}"
        self._seen = at + len(text)

    def end(self, *, within_s: float = 30.0) -> int:
        """Read to the end and return the exit code."""
        deadline = time.monotonic() + within_s
        while self._read(deadline):
            assert time.monotonic() < deadline, f"does not end: {self.shown!r}"
        code = self._process.wait(timeout=within_s)
        os.close(self._keyboard)
        return code

    def _read(self, deadline: float) -> bool:
        """Read what is there; False at the end of the output."""
        ready, _, _ = select.select([self._keyboard], [], [], max(deadline - time.monotonic(), 0))
        if not ready:
            return True
        try:
            data = os.read(self._keyboard, 65_536)
        except OSError:
            # Linux reports the end of a terminal whose other side is closed as an I/O error.
            return False
        self.shown += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)
