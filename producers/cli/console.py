"""What every command does at its edge: notes to standard error, errors to exit codes."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Callable
from pathlib import Path

import structlog

from workers.core import output
from workers.core.errors import InputError, TqError
from workers.core.files import write_whole
from workers.telemetry import logs

#: Exit codes, the same for every command.
DONE, FAILED, WRONG_INPUT, AWAY = 0, 1, 2, 3

#: What a shell expects of a command that Ctrl-C ended.
INTERRUPTED = 130


def note(text: str) -> None:
    """Tell the person something that is no result."""
    print(text, file=sys.stderr, flush=True)


def write_ready(path: Path, facts: dict[str, str]) -> None:
    """Write as JSON where a server listens, for the process that started it; raises InputError if it cannot."""
    try:
        write_whole(str(path), json.dumps(facts).encode())
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}", field="--ready-file") from error


def guarded(command: Callable[[], int]) -> int:
    """Run `command` and return its exit code; every error becomes one message and its code."""
    output.prepare()
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
        output.give_up()
        return FAILED
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return _disk_is_full(error)
        structlog.get_logger("tq").exception("unexpected error")
        note(f"error: this should not happen ({type(error).__name__}: {error}); the log has the details")
        return FAILED
    finally:
        logs.say_repeats(now=True)
    return code


def _disk_is_full(error: OSError) -> int:
    output.give_up()
    note(
        f"error: {error.filename or 'the output'} cannot be written, as the disk is full; "
        "what was accepted before is done all the same"
    )
    return FAILED
