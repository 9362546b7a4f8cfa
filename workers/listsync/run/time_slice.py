"""When a worker that has a run looks up from it: to give way to other jobs, and when it must let go at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

#: Seconds after which a worker writes down how far a run is, and gives way to the job that waits longest.
SLICE_S = 4.0

#: Seconds between two looks at whether the job is still ours.
LOOK_EVERY_S = 1.0


class Preempted(Exception):
    """This worker stops, or the job has gone to another one."""


class Cancelled(Exception):
    """The run is to end where it stands; the message is who wants that."""


class TimeSlice:
    """One worker's time with one run.

    `is_ours` asks the ledger whether the job's lease is still ours: a process that was asleep for a minute must
    not write any more. `is_awaited` asks whether other jobs wait for this worker, `cancelled_by` who has cancelled the
    run, "" where that was not done.
    """

    def __init__(
        self,
        stopping: Callable[[], bool],
        is_ours: Callable[[], bool],
        is_awaited: Callable[[], bool] = lambda: True,
        cancelled_by: Callable[[], str] = lambda: "",
    ) -> None:
        self._stopping, self._is_ours, self._is_awaited = stopping, is_ours, is_awaited
        self._cancelled_by = cancelled_by
        self._began = time.monotonic()
        self._ends = self._began + SLICE_S
        self._look_at = time.monotonic() + LOOK_EVERY_S
        #: Set when the job has gone to another worker, which owns the run's files now.
        self.lost = False

    def checkpoint(self) -> None:
        """Raise Preempted when this worker must not go on, Cancelled when none may; to be called each second or so."""
        if self._stopping():
            raise Preempted
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_EVERY_S
            self.lost = not self._is_ours()
            if self.lost:
                raise Preempted
            self.check_cancelled()

    def check_cancelled(self) -> None:
        """Raise Cancelled when the run is to end."""
        if by := self._cancelled_by():
            raise Cancelled(by)

    @property
    def has_lasted(self) -> bool:
        """Whether the worker has been with the run for a whole slice."""
        return time.monotonic() - self._began >= SLICE_S

    def goes_on(self) -> bool:
        """Return whether the worker stays with the run although its time was over; then it begins anew."""
        if self._is_awaited():
            return False
        self._ends = time.monotonic() + SLICE_S
        return True

    def completes(self, steps: Iterator[None]) -> bool:
        """Do one step after the other; return whether all were done before the time was over."""
        for _ in steps:
            self.checkpoint()
            if time.monotonic() >= self._ends:
                return False
        return True
