"""The keys of a terminal, one at a time and without Enter; where there is no terminal, none come."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

if sys.platform != "win32":
    import select
    import termios
    import tty

#: Waits so many seconds for keys, and returns them, "" for none.
Keys = Callable[[float], str]


@contextmanager
def keys() -> Iterator[Keys]:
    """Read single keys while the block runs; afterwards the terminal is as it was before. On Windows there are none."""
    if sys.platform == "win32" or not sys.stdin.isatty():
        yield _none
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal)
        yield _pressed
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _none(seconds: float) -> str:
    time.sleep(seconds)
    return ""


def _pressed(seconds: float) -> str:
    if sys.platform == "win32":
        return _none(seconds)
    terminal = sys.stdin.fileno()
    ready, _, _ = select.select([terminal], [], [], seconds)
    return os.read(terminal, 64).decode(errors="replace") if ready else ""
