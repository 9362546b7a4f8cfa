"""Keeping what we claimed: one thread a process that renews the leases of whatever is being worked on."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog

from workers.errors import LeaseLost, ServiceAway
from workers.ledger.ledger import Ledger
from workers.ledger.records import Claim, interrupted
from workers.redis_retry import retry_while_redis_is_away

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
        lost = retry_while_redis_is_away(lambda: self.ledger.renew(claims), "leases not proved yet")
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
