"""Keeping what we claimed: one thread a process renews the leases of all that is being worked on."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import structlog
from msgspec import Struct

from workers.core.errors import LeaseLost, ServiceAway
from workers.core.retry import RetryPolicy, retry
from workers.ledger.ledger import PROMPT_LEASE_MS, Ledger
from workers.ledger.records import Claim, Settlement, blocked, interrupted

log = structlog.get_logger(__name__)

#: Renewals within one lease, so that one may fail before it ends.
RENEWALS = 3

T = TypeVar("T")

#: For about half a minute.
WHILE_REDIS_IS_AWAY = RetryPolicy(first_s=0.1, most_s=4.0, tries=13)


class Blocked(Struct, frozen=True):
    """Why no job of a queue, or of one `kind` ("": all), can be done as things are set."""

    kind: str
    reason: str


class Attempt:
    """`claims` that are tried together, and how far the try has come; that decides how they wait if it is cut short.

    `asked` are those that a service has been asked to work on: its failure may be their fault. `begun` tells whether
    something may have been made for which the next attempt must look. `blocked` says why no job like some of these can
    be done as things are set.
    """

    def __init__(self, claims: Sequence[Claim], leases: Leases) -> None:
        self.claims = claims
        self._leases = leases
        self.asked: Sequence[Claim] = ()
        self.begun = False
        self.blocked: Blocked | None = None

    def ask(self, claims: Sequence[Claim]) -> None:
        """Note that from now on a service works on what these claims of the attempt name."""
        self.asked = claims

    def begin(self) -> None:
        """Prove that all claims are still ours, and note that from now on something may be made; raises LeaseLost.

        Whichever worker took a claim over has looked for what was made by then, and would not find what comes later.
        """
        self._leases.prove(self.claims)
        self.begun = True

    def block(self, reason: str, kind: str = "") -> list[Settlement]:
        """Note that no job of the queue, or of one `kind`, can be done as things are set; give back those of it."""
        self.blocked = Blocked(kind, reason)
        return [blocked(claim) for claim in self.claims if kind in ("", claim.kind)]

    @property
    def suspect(self) -> Claim | None:
        """The claim that may be why the service fails: the one that it was asked to work on, where it was alone."""
        return self.asked[0] if len(self.asked) == 1 else None


class Leases:
    """The leases of this process; the thread that renews them starts with the first."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        #: By their token, with when each round of work began, by a clock that never jumps.
        self._claims: dict[str, tuple[float, Sequence[Claim]]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextmanager
    def renewing(self, claims: Sequence[Claim]) -> Iterator[None]:
        """Renew the leases of `claims`, which share a token, for as long as the block runs."""
        token = claims[0].token
        with self._lock:
            self._claims[token] = time.monotonic(), claims
            if self._thread is None:
                pause_s = min(self.ledger.lease_ms, PROMPT_LEASE_MS) / 1000 / RENEWALS
                renew = partial(_renew_for_ever, weakref.ref(self), pause_s)
                self._thread = threading.Thread(target=renew, name="leases", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._claims.pop(token, None)

    def prove(self, claims: Sequence[Claim]) -> None:
        """Renew the leases of `claims`, which share a token; raises LeaseLost where another worker has one.

        Redis decides, not a clock of this machine: a process that was suspended, alone or with its machine, cannot
        tell for how long. While Redis is away this waits, since no other worker can claim the jobs either.
        """
        lost = retry_while_redis_is_away(lambda: self.ledger.prove(claims), "leases not proved yet")
        if lost:
            raise LeaseLost(f"{len(lost)} of {len(claims)} jobs were claimed by another worker meanwhile")

    def give_back(self, reason: str, delay_s: float) -> int:
        """Give back all that this process holds, to be claimed by others in `delay_s`; return how many jobs."""
        with self._lock:
            rounds, self._claims = [claims for _, claims in self._claims.values()], {}
        for claims in rounds:
            self.ledger.settle([interrupted(claim, reason, delay_s) for claim in claims])
        return sum(map(len, rounds))

    def in_hand(self) -> list[tuple[Claim, float]]:
        """Return each claim that is being worked on, and for how many seconds."""
        now = time.monotonic()
        return [(claim, now - began) for began, claims in self._rounds() for claim in claims]

    def _rounds(self) -> list[tuple[float, Sequence[Claim]]]:
        with self._lock:
            return list(self._claims.values())

    def renew_all(self) -> None:
        """Renew every lease once."""
        for _, claims in self._rounds():
            self._renew(claims)

    def _renew(self, claims: Sequence[Claim]) -> None:
        try:
            self.ledger.renew(claims)
        except ServiceAway as error:
            log.warning("leases not renewed", reason=str(error))
        except Exception:
            # Without this thread every job of the process would be taken from it, one after the other.
            log.exception("leases not renewed")


def _renew_for_ever(leases: weakref.ref[Leases], pause_s: float) -> None:
    """Renew leases as long as they are used anywhere else: with a strong reference their connections never ended."""
    clock = threading.Event()
    while not clock.wait(pause_s):
        if (used := leases()) is None:
            return
        used.renew_all()
        del used


def retry_while_redis_is_away(call: Callable[[], T], event: str) -> T:
    """Return what `call` returns; while it raises ServiceAway, log `event` and call again, for half a minute."""

    def tell(error: ServiceAway, pause_s: float) -> None:
        log.warning(event, reason=str(error), again_in_s=pause_s)

    return retry(call, WHILE_REDIS_IS_AWAY, tell=tell)
