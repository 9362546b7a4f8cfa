"""A log file that rotates, also where several processes write to it."""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from itertools import pairwise

#: Bytes of one log file, and how many older ones are kept.
FILE_BYTES, FILES_KEPT = 10_000_000, 5

#: Seconds until it is tried again to rotate a file that another process has open.
TRY_AGAIN_S = 10.0


class LogFile(logging.FileHandler):
    """A rotating file; raises OSError where it cannot be opened.

    On Windows a file that another process has open keeps its name: it then grows until it can rotate, and no line is
    lost. The library's RotatingFileHandler moves the older files before it learns of that, and loses the line.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path, encoding="utf-8")
        self._rotates_from_s = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, into a new file where this one is full."""
        stream = self.stream
        if stream and stream.tell() >= FILE_BYTES and time.monotonic() >= self._rotates_from_s:
            stream.close()
            self._rotate()
        super().emit(record)

    def _rotate(self) -> None:
        full = f"{self.baseFilename}.full"
        try:
            os.replace(self.baseFilename, full)
        except OSError:
            self._rotates_from_s = time.monotonic() + TRY_AGAIN_S
        else:
            self._shift(full)
        self.stream = self._open()

    def _shift(self, full: str) -> None:
        names = [full, *(f"{self.baseFilename}.{age}" for age in range(1, FILES_KEPT + 1))]
        for path, older in reversed(list(pairwise(names))):
            # One that a reader has open keeps its name.
            with suppress(OSError):
                os.replace(path, older)
