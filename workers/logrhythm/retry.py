"""How often and after which pauses a call is sent again for what passes by itself."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct

from workers.errors import ServiceAway, Throttled
from workers.logrhythm.failure import PASSING

T = TypeVar("T")

_CHANCE = random.SystemRandom().random


class RetryPolicy(Struct, frozen=True):
    """At most `tries` calls, with pauses that double from `first_s` to `most_s`, each shortened by chance.

    A pause that LogRhythm asks for itself is kept; one longer than `most_s` is left to the job's own retry. Where it
    wants fewer calls there are `throttled_tries` at most: the breaker then waits for all runs at once.
    """

    tries: int = 8
    throttled_tries: int = 2
    first_s: float = 0.25
    most_s: float = 10.0

    def pause(self, attempt: int, error: ServiceAway, chance: float) -> float | None:
        """Return the seconds to wait after failed `attempt` (from 1), None to give up."""
        if attempt >= (self.throttled_tries if isinstance(error, Throttled) else self.tries):
            return None
        if error.after is not None:
            return error.after if error.after <= self.most_s else None
        # Half of the pause is by chance, so that two writers do not meet again at the same moment.
        return float(min(self.most_s, self.first_s * 2 ** (attempt - 1)) * (0.5 + chance / 2))


def with_retries(
    call: Callable[[], T], policy: RetryPolicy, sleep: Callable[[float], object] = time.sleep
) -> T:
    """Return what `call` returns, sending it again for deadlocks, throttling and broken connections."""
    attempt = 0
    while True:
        attempt += 1
        try:
            return call()
        except PASSING as error:
            pause = policy.pause(attempt, error, _CHANCE())
            if pause is None:
                raise
            sleep(pause)
