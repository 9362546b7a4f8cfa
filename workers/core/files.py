"""Files that are either whole or absent: written beside their place, synced, then renamed into it.

Light, because the spool of a Smart Response stub is written with it too.
"""

from __future__ import annotations

import os

#: What a file of ours may be read by: its owner, from the moment it exists.
OWNER_ONLY = 0o600


def write_whole(path: str, data: bytes, *, is_lasting: bool = True) -> None:
    """Put `data` at `path`, readable by its owner alone; on an error `path` is as it was.

    What need not outlive a power cut (`is_lasting` False) does not wait for the disk. Raises OSError.
    """
    folder, name = os.path.split(path)
    draft = os.path.join(folder, f".{name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
    try:
        _write(draft, data, is_lasting)
        os.replace(draft, path)
    except OSError:
        _remove(draft)
        raise
    if is_lasting:
        sync_folder(folder)


def sync_folder(folder: str) -> None:
    """Make the names in `folder` survive a power cut, where the system can do that for folders."""
    if os.name != "posix":
        return
    handle = os.open(folder or ".", os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(draft: str, data: bytes, is_lasting: bool) -> None:
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), OWNER_ONLY)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        if is_lasting:
            os.fsync(handle)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return


def show_life(path: str) -> None:
    """Set the time of the file at `path` to now, making it where it is missing; an empty `path` does nothing."""
    if not path:
        return
    # Work is worth more than its sign: a file that cannot be touched grows old, which is what the check sees.
    try:
        with open(path, "ab"):
            os.utime(path)
    except OSError:
        return
