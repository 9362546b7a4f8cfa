"""Loops that stay with a queue when nothing is ready, and are woken past Celery.

A wake-up that goes through Celery costs more processor time than a small job, and a loop of its own for each payload
shares no call with another. So where a loop waits, what Celery's consumer receives only wakes that one.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence

from workers.consumer import WAKE_UP_S
from workers.ledger.records import Claim, Settlement

#: Seconds after which a loop that nothing wakes gives its thread back.
MOST_WAIT_S = 1.0

#: Seconds that a woken loop lets pass for each loop that is at work, so that what comes meanwhile shares its calls, and
#: how many at most. A payload that comes while none is at work does not wait.
GATHER_S, MOST_GATHER_S = 0.003, 0.01


class Lingering:
    """The loops of one process on one queue, which claim a `batch` at a time.

    Half of its threads may wait; the others are there for other work.
    """

    def __init__(self, batch: int) -> None:
        self._batch = batch
        self._lock = threading.Lock()
        self._waiting: list[threading.Event] = []
        #: Whether a loop has been woken that has not asked for jobs yet: it will find what is announced meanwhile.
        self._gathering = False
        self._loops = 0
        self._most, self._pid = 0, 0

    def begin(self, threads: int) -> None:
        """Let loops of this process linger that has so many threads; one that is forked later has its own."""
        self._most, self._pid = threads // 2, os.getpid()

    def end(self) -> None:
        """Let every loop go on to its end."""
        # Without the lock: called by the handler of a signal, which may have interrupted `take` while that has it.
        if self._most:
            self._most = 0
            for loop in tuple(self._waiting):
                loop.set()

    def repeat(self, go_on: Callable[[], int]) -> int:
        """Do `go_on`, again whenever jobs are announced within some seconds; return the sum of what it returns."""
        ends = time.monotonic() + WAKE_UP_S
        with self._lock:
            self._loops += 1
        try:
            settled = go_on()
            while self.wait(ends):
                settled += go_on()
            return settled
        finally:
            with self._lock:
                self._loops -= 1

    def take(self, *, for_many: bool = False) -> bool:
        """Take over a wake-up; False where no loop waits, so that Celery must start one.

        One that is `for_many` jobs wakes a loop of its own, which has no reason to let more come.
        """
        with self._lock:
            if self._gathering and not for_many:
                return True
            if not self._waiting:
                return False
            self._gathering = self._gathering or not for_many
            # The one that waited last: its memory is still at hand.
            self._waiting.pop().set()
            return True

    def claimed(self, claims: Sequence[Claim]) -> None:
        """Wake another loop where more is likely to be ready."""
        if len(claims) >= self._batch:
            self.take(for_many=True)

    def settled(self, settlements: Sequence[Settlement], seconds: float) -> None:
        """See the end of a round, which wakes none."""

    def wait(self, ends: float) -> bool:
        """Wait for a wake-up until a time of the monotonic clock; tell whether jobs are to be asked for."""
        woken = threading.Event()
        with self._lock:
            if len(self._waiting) >= self._most or os.getpid() != self._pid:
                return False
            self._waiting.append(woken)
        # Looked at again, as `end` asks for no lock.
        if self._most:
            woken.wait(min(MOST_WAIT_S, ends - time.monotonic()))
        with self._lock:
            if woken in self._waiting:
                self._waiting.remove(woken)
                return False
            at_work = self._loops - len(self._waiting) - 1 if self._gathering else 0
        if at_work:
            time.sleep(min(GATHER_S * at_work, MOST_GATHER_S))
        with self._lock:
            # Before they are asked for: what is announced from now on may be accepted too late for that.
            self._gathering = False
        return True
