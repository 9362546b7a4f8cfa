"""Warnings that repeat themselves are counted: when everything fails, the log says so and stays small."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

#: For so many seconds the same is not said again, only counted.
WINDOW_S = 60.0

#: Different texts of one event that are said within the window, such as reasons that name each job's own value.
MOST_TEXTS = 20

#: Characters by which a text is told from another.
MOST_CHARS = 300

#: What is said of the texts of an event beyond so many.
OTHERS = "other reasons"

log = logging.getLogger(__name__)


class Repeats(logging.Filter):
    """Lets each warning and error through once in a minute, and tells at its end how often it was repeated."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._start_window()

    def _start_window(self) -> None:
        self._began_s = self._clock()
        self._said: Counter[str] = Counter()
        self._times: Counter[tuple[str, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is to be written."""
        if record.name == __name__:
            return True
        self.end_window()
        if record.levelno < logging.WARNING:
            return True
        event, text = _identity(record)
        with self._lock:
            if (event, text) not in self._times:
                if self._said[event] < MOST_TEXTS:
                    self._said[event] += 1
                    self._times[event, text] = 0
                    return True
                text = OTHERS
            self._times[event, text] += 1
            return False

    def end_window(self, *, now: bool = False) -> None:
        """Say what was repeated in a minute that is over, or in what there was of it."""
        with self._lock:
            seconds = self._clock() - self._began_s
            if seconds < WINDOW_S and not now:
                return
            times = self._times
            self._start_window()
        for (event, text), count in times.items():
            if count:
                log.warning("%d times more within %.0f s: %s: %s", count, seconds, event, text)


def _identity(record: logging.LogRecord) -> tuple[str, str]:
    """Return what happened, and what tells this from another time."""
    if isinstance(record.msg, dict):
        event, reason = record.msg.get("event", ""), record.msg.get("reason")
        text = record.msg.get("exception", "") if reason is None else reason
        return str(event), str(text).strip()[-MOST_CHARS:]
    error = record.exc_info[1] if record.exc_info else None
    return str(record.msg), (repr(error) if error else record.getMessage())[-MOST_CHARS:]
