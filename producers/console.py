"""What every command does at its edge: notes to standard error, errors to exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TextIO

import structlog

from workers.errors import TqError

#: Exit codes, the same for every command.
DONE, FAILED, WRONG_INPUT, AWAY = 0, 1, 2, 3

#: What a shell expects of a command that Ctrl-C ended.
INTERRUPTED = 130


def note(text: str) -> None:
    """Tell the person something that is no result."""
    print(text, file=sys.stderr, flush=True)


def guarded(command: Callable[[], int]) -> int:
    """Run `command` and return its exit code; every error becomes one message and its code."""
    for stream in (sys.stdout, sys.stderr):
        _never_fail_to_print(stream)
    try:
        code = command()
        sys.stdout.flush()
    except TqError as error:
        note(f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        note("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; without this the interpreter complains once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        structlog.get_logger("tq").exception("unexpected error")
        note(f"error: this should not happen ({type(error).__name__}: {error}); the log has the details")
        return FAILED
    return code


def _never_fail_to_print(stream: TextIO) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
