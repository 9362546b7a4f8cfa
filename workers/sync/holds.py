"""Deletes that the guard held: remembered until somebody approves them or they are no longer due."""

from __future__ import annotations

from typing import cast

import msgspec

from workers.ledger import keys
from workers.ledger.ledger import answering
from workers.listsync.approval import Approval
from workers.listsync.guard import Held
from workers.listsync.manifest import digests_of
from workers.listsync.plan import ListPlan
from workers.sync.held import HeldDeletes, Hold

#: Seconds for which held deletes can be approved.
KEEP_S = 30 * 86_400


class Holds(HeldDeletes):
    """Held deletes with what a run does to them."""

    def approval(self, name: str) -> Approval | None:
        """Return what was approved for a list and not yet carried out."""
        approved = [hold for hold in self.every() if hold.list == name and hold.approved_ms]
        if not approved:
            return None
        with answering():
            packed = cast("dict[bytes, bytes]", self._redis.hgetall(keys.sync_held(approved[-1].id)))
        return Approval(name, {int(part): digests for part, digests in packed.items()})

    def keep(self, collection: str, plan: ListPlan, *, caseless: bool, now_ms: int) -> None:
        """Remember the deletes that `plan` holds; those of an earlier plan that nobody approved are forgotten.

        The same deletes keep their id, their age and their approval.
        """
        self.drop(plan.name, but=plan.held_id)
        if plan.held is None:
            return
        before = next((hold for hold in self.every() if hold.id == plan.held_id), None)
        self._keep_digests(plan, caseless)
        if before is None or before.doubt:
            hold = before or _hold(collection, plan, plan.held, now_ms)
            self._put(msgspec.structs.replace(hold, doubt=""))

    def doubt(self, collection: str, plan: ListPlan, held: Held, *, now_ms: int) -> None:
        """Remember that nobody may approve deletes of this list now, and why; what was held before waits with them."""
        before = [hold for hold in self.every() if hold.list == plan.name]
        for hold in before or [_hold(collection, plan, held, now_ms)]:
            self._put(msgspec.structs.replace(hold, doubt=held.reason))

    def _keep_digests(self, plan: ListPlan, caseless: bool) -> None:
        """Let the digests of the deletes live on, or write them."""
        name = keys.sync_held(plan.held_id)
        with answering():
            if self._redis.expire(name, KEEP_S):
                return
            for part, packed in digests_of(plan.deletes.read(), caseless=caseless).items():
                self._redis.hset(name, str(part), packed)
            self._redis.expire(name, KEEP_S)

    def _put(self, hold: Hold) -> None:
        with answering():
            self._redis.hset(keys.SYNC_HELD, hold.id, msgspec.json.encode(hold))

    def drop(self, name: str, *, but: str = "", approved: bool = False) -> None:
        """Forget what is held of a list, except `but`, and except what was approved unless that is told too."""
        for hold in self.every():
            if hold.list == name and hold.id != but and (approved or not hold.approved_ms):
                with answering():
                    self._redis.hdel(keys.SYNC_HELD, hold.id)
                    self._redis.delete(keys.sync_held(hold.id))


def _hold(collection: str, plan: ListPlan, held: Held, now_ms: int) -> Hold:
    return Hold(
        id=plan.held_id,
        collection=collection,
        list=plan.name,
        count=plan.deletes.count,
        now=plan.now,
        reason=held.reason,
        samples=plan.deletes.samples,
        since_ms=now_ms,
    )
