"""What the HTTP entry point did not go along with: counted by its reason, and logged now and then."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import prometheus_client
import structlog

log = structlog.get_logger("tq.http")

#: Seconds between two lines of the log about the same reason.
LOG_EVERY_S = 10.0


class Incidents:
    """Counts incidents of one sort in `metric`, by the reason; logs each reason at most every LOG_EVERY_S."""

    def __init__(
        self, metric: prometheus_client.Counter, sentence: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._metric = metric
        self._sentence = sentence
        self._clock = clock
        self._unsaid: Counter[str] = Counter()
        self._logged_at: dict[str, float] = {}

    def count(self, reason: str, address: str) -> None:
        """Count one that came from `address`, for `reason`."""
        self._metric.labels(reason).inc()
        self._unsaid[reason] += 1
        now = self._clock()
        if now - self._logged_at.get(reason, -LOG_EVERY_S) >= LOG_EVERY_S:
            self._logged_at[reason] = now
            log.warning(self._sentence, reason=reason, count=self._unsaid.pop(reason), last_from=address)
