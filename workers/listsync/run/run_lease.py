"""What keeps a run with a worker: the lease of its job, the collection that it reserves, and the host of its files."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import suppress
from random import SystemRandom
from threading import Timer

import structlog

from workers.core.errors import ServiceAway
from workers.core.results import SyncOverlap
from workers.ledger.admin import LedgerAdmin
from workers.ledger.locks import hold_all, release_all
from workers.ledger.records import Claim, Settlement, done, released
from workers.ledger.sync_cancels import cancelled_by
from workers.ledger.sync_owners import WAITS_S, other_host, own
from workers.listsync.run.context import SyncContext

log = structlog.get_logger(__name__)

#: Seconds after which it is looked again whether the host that has a run goes on with it; meanwhile that host may.
LEFT_ALONE_S = 1.0

#: A host that waits asks Redis anew each second, and upkeep sends a wake-up each second: in time with each other, all
#: go to the same host, for minutes. So that the one with the run has its turn, it is woken for at a time of its own.
UNEVEN = (0.5, 2.0)

#: How often it is tried to wake for it, and each how many seconds: the time at which it is due again counts from when
#: it has been given back, which on a busy machine is some time after its timer was set.
TRIES, TRY_EVERY_S = 5, 0.2


class RunLease:
    """A claimed run, the collections that it reserves, and the host on which this worker's files are."""

    def __init__(self, context: SyncContext, claim: Claim, collections: Collection[str], host: str) -> None:
        self._context, self._claim = context, claim
        self._collections, self._host = collections, host
        #: Another host had the run before: what lies on this disk is not what was read and planned last.
        self.is_moved = False

    def refusal(self) -> Settlement | None:
        """Take the run, or say what becomes of the claim: another host has the run, or another job the collection."""
        redis, claim = self._context.redis, self._claim
        if elsewhere := other_host(redis, claim.id, self._host):
            log.debug("left to its host", job=claim.id, host=elsewhere)
            return self._left_alone()
        holder = hold_all(redis, self._collections, claim.id)
        if holder != claim.id:
            return done(claim, _overlap(self._context, " + ".join(self._collections), holder))
        before = self._own(self._lease_s)
        self.is_moved = before not in ("", self._host)
        if self.is_moved:
            log.warning("sync taken over", job=claim.id, host=self._host, before=before)
        return None

    def is_ours(self) -> bool:
        """Tell whether the job is still with this worker, and keep it."""
        return self._claim.id not in self._context.ledger.renew([self._claim])

    def may_go_on(self) -> bool:
        """Keep the run, its collection and its host; tell whether no other job waits for this worker."""
        hold_all(self._context.redis, self._collections, self._claim.id)
        self._own(self._lease_s)
        return not self._context.ledger.is_awaited(self._claim.queue)

    def cancelled_by(self) -> str:
        """Return who has cancelled the run, "" where that was not done."""
        return cancelled_by(self._context.redis, self._claim.id)

    def wait(self) -> None:
        """Leave the run to this host for as long as it may wait for a service or a setting."""
        self._own(WAITS_S)

    def end(self) -> None:
        """Let other jobs have the collections."""
        release_all(self._context.redis, self._collections, self._claim.id)

    def _left_alone(self) -> Settlement:
        """Give the run back for a moment, and see to it that a host is woken then, by its turn the one that has it."""
        seconds = LEFT_ALONE_S * SystemRandom().uniform(*UNEVEN)
        later = Timer(seconds, self._wake)
        # A process that ends need not wait for it: upkeep wakes too.
        later.daemon = True
        later.start()
        return released(self._claim, seconds)

    def _wake(self) -> None:
        """Wake the queue as soon as the run is due."""
        with suppress(ServiceAway):
            for _ in range(TRIES):
                if self._context.ledger.wake(self._claim.queue):
                    return
                time.sleep(TRY_EVERY_S)

    @property
    def _lease_s(self) -> float:
        return self._context.ledger.lease_ms / 1000

    def _own(self, seconds: float) -> str:
        return own(self._context.redis, self._claim.id, self._host, seconds)


def _overlap(context: SyncContext, collection: str, holder: str) -> SyncOverlap:
    """Return the result of a run whose collection another job has; `at_work`: a worker works on that one now."""
    record = LedgerAdmin(context.redis).record(holder)
    reason = f"a run of {collection!r} is under way (job {holder}); nothing was started"
    if record is not None and record.state == "waiting":
        reason = f"a run of {collection!r} waits already (job {holder}) and is tried again each minute: {record.reason}"
    at_work = record is not None and record.state == "running"
    return SyncOverlap(by=holder, at_work=at_work, reason=reason)
