"""Standard output and error as a command may find them: closed, no longer read, on a full disk."""

from __future__ import annotations

import os
import sys


def prepare() -> None:
    """Let printing never fail over a character, nor over a stream that the caller has closed (`>&-`)."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def give_up() -> None:
    """Print nothing more; without this the interpreter complains once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
