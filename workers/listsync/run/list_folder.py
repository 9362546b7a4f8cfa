"""The folder of one list in a run: of one worker at a time, with what was read, planned and written so far."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from workers.core.files import write_whole
from workers.listsync.plan.plan import ListPlan

# Each of the two modules exists on one system only.
if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

#: Seconds without a sign of life after which the holder of a folder counts as gone: a process that was stopped
#: (SIGSTOP, a sleeping laptop) keeps its lock.
SILENT_S = 120.0

#: Names of the files in the folder.
LOCK, READ, PLANNED, DIGESTS, CALLS = "lock", "read.json", "planned.json", "digests", "calls"


class ReadList(Struct, frozen=True):
    """A list's entries on disk: the spill's count and size. `is_gone`: LogRhythm did not have the list any more."""

    count: int = 0
    size: int = 0
    is_gone: bool = False


class PlannedList(Struct, frozen=True):
    """What planning a list came to."""

    plan: ListPlan | None = None
    is_gone: bool = False
    error: str = ""


class ListFolder:
    """What is known of one list in its present plan, on disk so that any worker can go on with it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def taken(self) -> Iterator[bool]:
        """Hold the folder, or learn that another worker does; the lock of a killed process ends with it.

        Raises FileNotFoundError when the run is over.
        """
        self.path.mkdir(exist_ok=True)
        with (self.path / LOCK).open("ab") as file:
            if not _locked(file):
                yield False
                return
            self.show_life()
            yield True

    def show_life(self) -> None:
        """Let the workers that wait for this folder go on waiting."""
        os.utime(self.path / LOCK)

    @property
    def is_silent(self) -> bool:
        """Whether the holder has shown no sign of life for too long."""
        return time.time() - (self.path / LOCK).stat().st_mtime > SILENT_S

    @property
    def read(self) -> ReadList | None:
        """What reading the list came to; None before that."""
        file = self.path / READ
        return msgspec.json.decode(file.read_bytes(), type=ReadList) if file.exists() else None

    def keep_read(self, read: ReadList) -> None:
        """Write down that the list was read."""
        self._write(READ, msgspec.json.encode(read))

    @property
    def planned(self) -> PlannedList | None:
        """What planning the list came to; None before that."""
        file = self.path / PLANNED
        return msgspec.json.decode(file.read_bytes(), type=PlannedList) if file.exists() else None

    def keep_planned(self, planned: PlannedList) -> None:
        """Write down what planning came to."""
        self._write(PLANNED, msgspec.json.encode(planned))

    @property
    def digests(self) -> dict[str, dict[int, bytes]]:
        """The digests of what was planned, by the plan's field and the partition."""
        file = self.path / DIGESTS
        whole = dict[str, dict[int, bytes]]
        return msgspec.msgpack.decode(file.read_bytes(), type=whole) if file.exists() else {}

    def keep_digests(self, digests: dict[str, dict[int, bytes]]) -> None:
        """Write down the digests of what was planned."""
        self._write(DIGESTS, msgspec.msgpack.encode(digests))

    @property
    def calls(self) -> int:
        """How many write calls were made."""
        file = self.path / CALLS
        return file.stat().st_size if file.exists() else 0

    def count_call(self) -> None:
        """Count one more write call: one byte, which no kill can leave half written."""
        with (self.path / CALLS).open("ab") as file:
            file.write(b".")

    def _write(self, name: str, data: bytes) -> None:
        write_whole(str(self.path / name), data, is_lasting=False)


def _locked(file: BinaryIO) -> bool:
    """Lock an open file until it is closed; return False where another handle has it."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
