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
    not write any more. `may_go_on` keeps the run for another slice and asks whether no other job waits for this worker,
    `cancelled_by` asks who has cancelled the run, "" where that was not done.
    """

    def __init__(
        self,
        stopping: Callable[[], bool],
        is_ours: Callable[[], bool],
        may_go_on: Callable[[], bool] = lambda: False,
        cancelled_by: Callable[[], str] = lambda: "",
    ) -> None:
        self._stopping, self._is_ours, self._may_go_on = stopping, is_ours, may_go_on
        self._cancelled_by = cancelled_by
        self._began = time.monotonic()
        self._ends = self._began + SLICE_S
        self._look_at = time.monotonic() + LOOK_EVERY_S
        #: Rises with each slice that the worker stays with the run: what must be written down once a slice, then is.
        self.number = 0
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

    def completes(self, steps: Iterator[None]) -> bool:
        """Do one step after the other; return whether all were done before other jobs were due."""
        for _ in steps:
            self.checkpoint()
            if time.monotonic() >= self._ends and not self._goes_on():
                return False
        return True

    def _goes_on(self) -> bool:
        """Return whether the worker stays with the run although its time was over; then it begins anew."""
        if not self._may_go_on():
            return False
        self._ends = time.monotonic() + SLICE_S
        self.number += 1
        return True
