"""The pieces of a run that any worker may do: each list is read and planned in a folder that one worker holds."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from workers.files import write_whole
from workers.listsync.plan import ListPlan

#: Seconds without a sign of life after which whoever holds a folder counts as gone: a process that was stopped
#: keeps what it holds.
SILENT_S = 120.0

LOCK, READ, PLANNED = "lock", "read.json", "planned.json"


class Read(Struct, frozen=True):
    """A list's entries on disk: the spill's count and size. `is_gone`: LogRhythm did not have the list any more."""

    count: int = 0
    size: int = 0
    is_gone: bool = False


class Planned(Struct, frozen=True):
    """What planning a list came to."""

    plan: ListPlan | None = None
    is_gone: bool = False
    error: str = ""


@contextmanager
def taken(folder: Path) -> Iterator[bool]:
    """Hold a list's folder, or learn that somebody else does; the hold of a killed worker ends with it.

    Raises FileNotFoundError when the run is over.
    """
    folder.mkdir(exist_ok=True)
    with (folder / LOCK).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        show_life(folder)
        yield True


def show_life(folder: Path) -> None:
    """Let whoever waits for this folder go on waiting."""
    os.utime(folder / LOCK)


def is_silent(folder: Path) -> bool:
    """Tell whether the holder of a folder has shown no sign of life for too long."""
    return time.time() - (folder / LOCK).stat().st_mtime > SILENT_S


def keep_read(folder: Path, read: Read) -> None:
    """Write down that the list was read."""
    write_whole(str(folder / READ), msgspec.json.encode(read), is_lasting=False)


def read_of(folder: Path) -> Read | None:
    """Return what reading the list came to; None before that."""
    file = folder / READ
    return msgspec.json.decode(file.read_bytes(), type=Read) if file.exists() else None


def keep_planned(folder: Path, planned: Planned) -> None:
    """Write down what planning came to."""
    write_whole(str(folder / PLANNED), msgspec.json.encode(planned), is_lasting=False)


def planned_of(folder: Path) -> Planned | None:
    """Return what planning the list came to; None before that."""
    file = folder / PLANNED
    return msgspec.json.decode(file.read_bytes(), type=Planned) if file.exists() else None
