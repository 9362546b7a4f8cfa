"""Deletes that the guard held: remembered until somebody approves them or they are no longer due."""

from __future__ import annotations

from typing import cast

import msgspec

from workers.ledger import keys
from workers.ledger.ledger import answering
from workers.listsync.approval import Approval
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
        if plan.held is None or any(hold.id == plan.held_id for hold in self.every()):
            return
        hold = Hold(
            id=plan.held_id,
            collection=collection,
            list=plan.name,
            count=plan.deletes.count,
            now=plan.now,
            reason=plan.held.reason,
            samples=plan.deletes.samples,
            since_ms=now_ms,
        )
        digests = digests_of(plan.deletes.read(), caseless=caseless)
        with answering():
            name = keys.sync_held(hold.id)
            for part, packed in digests.items():
                self._redis.hset(name, str(part), packed)
            self._redis.expire(name, KEEP_S)
            self._redis.hset(keys.SYNC_HELD, hold.id, msgspec.json.encode(hold))

    def drop(self, name: str, *, but: str = "", approved: bool = False) -> None:
        """Forget what is held of a list, except `but`, and except what was approved unless that is told too."""
        for hold in self.every():
            if hold.list == name and hold.id != but and (approved or not hold.approved_ms):
                with answering():
                    self._redis.hdel(keys.SYNC_HELD, hold.id)
                    self._redis.delete(keys.sync_held(hold.id))
