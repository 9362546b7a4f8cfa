"""What ThreatQ knows by name, told to the entries by the workers that ask ThreatQ anyway, once no analyst waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from workers.core.errors import TqError
from workers.ledger import keys
from workers.ledger.known_names import ASKED_EVERY_S, FRESH_S, KnownNames
from workers.ledger.ledger import Ledger
from workers.runtime import Runtime, runtime
from workers.settings.pages import with_page

log = structlog.get_logger(__name__)

#: Seconds after which a process looks again, and after which it does so where ThreatQ did not tell: a wrong password
#: that is tried again and again locks the account.
LOOK_AGAIN_S, HOLD_OFF_S = ASKED_EVERY_S / 2, 900.0


class Teller:
    """Tells the names that the jobs of one queue use, from time to time; what goes wrong with that stops nothing."""

    def __init__(
        self, queue: str, read: Callable[[Runtime], KnownNames], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._queue, self._read, self._clock = queue, read, clock
        self._next_s = float("-inf")

    def __call__(self) -> None:
        """Tell them if it is time, unless no worker calls ThreatQ now."""
        if self._clock() < self._next_s:
            return
        self._next_s = self._clock() + HOLD_OFF_S
        process = runtime()
        try:
            if process.redis.exists(keys.away("threatq")):
                return
            process.redis.set(keys.names(self._queue), self._read(process).as_text(), ex=FRESH_S)
        except TqError as error:
            log.debug("names are not told", queue=self._queue, reason=str(error))
        else:
            self._next_s = self._clock() + LOOK_AGAIN_S


def indicator_names(process: Runtime) -> KnownNames:
    """Return ThreatQ's indicator types, and which addresses are private now."""
    settings = with_page(process.settings, process.page().fields)
    types = process.threatq.lookups.indicator_type_names(within_s=LOOK_AGAIN_S)
    return KnownNames(tuple(types), private_ips=settings.private_ips)


def event_names(process: Runtime) -> KnownNames:
    """Return ThreatQ's event types; what is ours by a data collection is told, too, however little there is to do."""
    with suppress(TqError):
        process.collected_assets()
    types = process.threatq.lookups.event_type_names(within_s=LOOK_AGAIN_S)
    return KnownNames(tuple(types), creates=process.threatq.creates_event_types)


def ask_for_names(ledger: Ledger) -> None:
    """Wake a worker of each queue that tells names where it is time: one with nothing to do tells them."""
    for queue in ("enrichment", "events"):
        is_time = ledger.redis.set(keys.value(f"names-asked:{queue}"), "1", ex=ASKED_EVERY_S, nx=True)
        if is_time and not ledger.wake_ups(queue):
            ledger.wake_helpers(queue, 1)
