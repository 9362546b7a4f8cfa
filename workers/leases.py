"""Keeping what we claimed: one thread a process that renews the leases of whatever is being worked on.

Waiting for Redis in the middle of work, where giving up would cost more than waiting.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import structlog

from workers.core.errors import LeaseLost, ServiceAway
from workers.ledger.ledger import Ledger
from workers.ledger.records import Claim, interrupted

log = structlog.get_logger(__name__)

#: Renewals within one lease, so that one may fail before it ends.
RENEWALS = 3


class Leases:
    """The leases of this process; the thread that renews them starts with the first."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._held: dict[str, Sequence[Claim]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextmanager
    def kept(self, claims: Sequence[Claim]) -> Iterator[None]:
        """Renew the leases of `claims`, which share a token, for as long as the block runs."""
        token = claims[0].token
        with self._lock:
            self._held[token] = claims
            if self._thread is None:
                self._thread = threading.Thread(target=self._renew_for_ever, name="leases", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._held.pop(token, None)

    def prove(self, claims: Sequence[Claim]) -> None:
        """Renew the leases of `claims`, which share a token; raises LeaseLost where one is somebody else's.

        Redis decides, not a clock of this machine: a process that was suspended, alone or with its machine, cannot
        tell for how long. While Redis is away this waits, since nobody else can claim the jobs either.
        """
        lost = retry_while_redis_is_away(lambda: self.ledger.prove(claims), "leases not proved yet")
        if lost:
            raise LeaseLost(f"{len(lost)} of {len(claims)} jobs were claimed by another worker meanwhile")

    def give_back(self, reason: str, delay_s: float) -> int:
        """Give back all that this process holds, to be claimed by others in `delay_s`; return how many jobs."""
        with self._lock:
            held, self._held = list(self._held.values()), {}
        for claims in held:
            self.ledger.settle([interrupted(claim, reason, delay_s) for claim in claims])
        return sum(map(len, held))

    def _renew_for_ever(self) -> None:
        pause_s = self.ledger.lease_ms / 1000 / RENEWALS
        clock = threading.Event()
        while not clock.wait(pause_s):
            with self._lock:
                held = list(self._held.values())
            for claims in held:
                self._renew(claims)

    def _renew(self, claims: Sequence[Claim]) -> None:
        try:
            self.ledger.renew(claims)
        except ServiceAway as error:
            log.warning("leases not renewed", reason=str(error))


T = TypeVar("T")

#: Pauses in s between tries while Redis is away: about half a minute.
AGAIN_S = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0)


def retry_while_redis_is_away(call: Callable[[], T], event: str) -> T:
    """Return what `call` returns; while it raises ServiceAway, log `event` and call again, for half a minute."""
    for pause_s in AGAIN_S:
        try:
            return call()
        except ServiceAway as error:
            log.warning(event, reason=str(error), again_in_s=pause_s)
            time.sleep(pause_s)
    return call()
