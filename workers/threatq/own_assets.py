"""What is ours by a data collection of ThreatQ, in which an administrator keeps it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from workers.threatq.client import Caller
from workers.threatq.collections import find_collection, read_pages

#: Seconds for which the values are used before they are read again.
KEPT_S = 600.0


#: Takes the name of a collection and its values.
Teller = Callable[[str, tuple[str, ...]], None]


class OwnAssets:
    """The values of the data collection `name`, none where that is empty; `tell` is told each time they are read."""

    def __init__(
        self, name: str, clock: Callable[[], float] = time.monotonic, *, tell: Teller | None = None
    ) -> None:
        self._name, self._clock, self._tell = name, clock, tell
        self._values: tuple[str, ...] = ()
        self._until_s = float("-inf")
        self._lock = threading.Lock()

    def values(self, threatq: Callable[[], Caller]) -> tuple[str, ...]:
        """Return the values, read from `threatq` when they are too old.

        Raises ServiceAway while ThreatQ is away, and ConfigError for a collection that it has not: better nothing is
        done than that something of ours gets out.
        """
        if not self._name:
            return ()
        with self._lock:
            if self._clock() >= self._until_s:
                caller = threatq()
                pages = read_pages(caller, find_collection(caller, self._name))
                self._values = tuple(sorted({row.value for page in pages for row in page.rows}))
                self._until_s = self._clock() + KEPT_S
                if self._tell:
                    self._tell(self._name, self._values)
            return self._values
