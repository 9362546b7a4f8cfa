"""How long a worker stays with one run before it gives way, and when it must let go at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

#: Seconds that a worker stays with a run; then the run that waits longest goes on.
SLICE_S = 4.0

#: Seconds between two looks at whether the job is still ours.
LOOK_EVERY_S = 1.0


class Preempted(Exception):
    """This worker stops, or the job has gone to another one."""


class TimeSlice:
    """One worker's time with one run.

    `is_ours` asks the ledger whether the job's lease is still ours: a process that was asleep for a minute must
    not write any more.
    """

    def __init__(
        self, stopping: Callable[[], bool], is_ours: Callable[[], bool], *, seconds: float = SLICE_S
    ) -> None:
        self._stopping, self._is_ours = stopping, is_ours
        self._ends = time.monotonic() + seconds
        self._look_at = time.monotonic() + LOOK_EVERY_S
        #: Set when the job has gone to another worker, which owns the run's files now.
        self.lost = False

    def checkpoint(self) -> None:
        """Raise Preempted when this worker must not go on; to be called every second or so."""
        if self._stopping():
            raise Preempted
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_EVERY_S
            self.lost = not self._is_ours()
            if self.lost:
                raise Preempted

    def completes(self, steps: Iterator[None]) -> bool:
        """Do one step after the other; return whether all were done before the time was over."""
        for _ in steps:
            self.checkpoint()
            if time.monotonic() >= self._ends:
                return False
        return True
