"""What an argument such as `-p` names: the payload itself, a file, or standard input."""

from __future__ import annotations

import os
import sys

from workers.core.errors import InputError

#: Bytes that are read of a file or of standard input, however many payloads it holds.
MOST_BYTES = 512 * 1024 * 1024


def read_argument(argument: str, *, field: str = "payload") -> bytes:
    """Return the text that `argument` is, or what the file in `@file` or standard input (`-`) holds.

    Raises InputError, which names the argument as `field`, for what cannot be read, and above MOST_BYTES.
    """
    if argument == "-":
        data = _standard_input(field)
    elif argument.startswith("@"):
        data = _file(argument[1:], field)
    elif os.path.isfile(argument):
        raise InputError(f"{argument} is a file; write @{argument} to send what is in it", field=field)
    else:
        # Back to the bytes that the shell gave, which need not be UTF-8.
        return os.fsencode(argument)
    if len(data) > MOST_BYTES:
        raise InputError(f"more than {MOST_BYTES >> 20} MiB at once; send it in parts", field=field)
    return data


def _standard_input(field: str) -> bytes:
    if sys.stdin is None:
        raise InputError(f"standard input is closed; pipe the {field} into the command", field=field)
    return sys.stdin.buffer.read(MOST_BYTES + 1)


def _file(path: str, field: str) -> bytes:
    if not path:
        raise InputError("no file is named behind the @; write @FILE", field=field)
    try:
        with open(path, "rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", field=field) from error
