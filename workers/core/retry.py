"""Trying again: after which pauses, how often, and for which errors.

Own code, since a pause here obeys what the service asked for, may be cut short by whatever stops the process, and is
told to the log before it begins; with `tenacity` each of these is a callback of our own again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct

from workers.core.errors import ServiceAway, Throttled

T = TypeVar("T")

_chance = random.SystemRandom().random


class RetryPolicy(Struct, frozen=True):
    """At most `tries` calls (None: without end), with pauses that double from `first_s` to `most_s`.

    `spread` is the share of a pause that chance may take off, so that two processes do not meet again at the same
    moment. Where `heeds` is set, a pause that the service asks for itself is kept, and one longer than `most_s` is
    left to the job's own retry. Where a service wants fewer calls there are `throttled_tries` at most: the breaker then
    waits for all processes at once.
    """

    first_s: float
    most_s: float
    tries: int | None = None
    throttled_tries: int | None = None
    spread: float = 0.0
    heeds: bool = True

    def pause_s(self, attempt: int) -> float:
        """Return the seconds to wait after failed `attempt` (from 1), before chance and service have their say."""
        return float(min(self.most_s, self.first_s * 2.0 ** min(attempt - 1, 60)))

    def pause(self, attempt: int, error: ServiceAway, chance: float = 0.0) -> float | None:
        """Return the seconds to wait after failed `attempt`, None to give up; `chance` lies between 0 and 1."""
        tries = self.tries
        if isinstance(error, Throttled) and self.throttled_tries is not None:
            tries = self.throttled_tries
        if tries is not None and attempt >= tries:
            return None
        if self.heeds and error.after is not None:
            return error.after if error.after <= self.most_s else None
        return self.pause_s(attempt) * (1 - self.spread * chance)


def tell_nothing(_error: ServiceAway, _pause_s: float) -> None:
    """Say nothing."""


def retry(
    call: Callable[[], T],
    policy: RetryPolicy,
    *,
    on: type[ServiceAway] | tuple[type[ServiceAway], ...] = ServiceAway,
    sleep: Callable[[float], object] = time.sleep,
    tell: Callable[[ServiceAway, float], object] = tell_nothing,
) -> T:
    """Return what `call` returns, calling it again for errors of the type `on` as the policy allows.

    `tell` is told of each error and the seconds until the next call. Raises the last error, and what `sleep` raises.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            return call()
        except on as error:
            pause_s = policy.pause(attempt, error, _chance())
            if pause_s is None:
                raise
            tell(error, pause_s)
            sleep(pause_s)
