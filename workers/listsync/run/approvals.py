"""Pending deletes of runs: remembered until an operator approves them or they are no longer due."""

from __future__ import annotations

from typing import Any

import msgspec

from workers.ledger import sync_keys
from workers.ledger.sync_approvals import PendingDelete, PendingDeletes
from workers.listsync.plan.guard import Approval, Withheld
from workers.listsync.plan.manifest import digests_of
from workers.listsync.plan.plan import ListPlan

#: Seconds for which pending deletes can be approved.
KEEP_S = 30 * 86_400


class Approvals(PendingDeletes):
    """Pending deletes with what a run does to them."""

    def approval(self, name: str) -> Approval | None:
        """Return what was approved for a list and not yet carried out."""
        approved = [pending for pending in self.every() if pending.list == name and pending.approved_ms]
        if not approved:
            return None
        packed = self._redis.hgetall(sync_keys.pending(approved[-1].id))
        return Approval(name, {int(part): digests for part, digests in packed.items()})

    def keep(
        self,
        collection: str,
        plan: ListPlan,
        settings: dict[str, Any],
        *,
        caseless: bool,
        now_ms: int,
        asked_by: str = "",
        four_eyes: bool = False,
    ) -> None:
        """Remember the deletes of `plan` that wait; those of an earlier plan that were not approved are forgotten.

        The same deletes keep their id, their age, their approval and who asked first.
        """
        self.drop(plan.name, but=plan.pending_id)
        if plan.pending is None:
            return
        before = next((pending for pending in self.every() if pending.id == plan.pending_id), None)
        self._keep_digests(plan, caseless)
        pending = before or _pending_delete(collection, plan, plan.pending, now_ms)
        current = msgspec.structs.replace(
            pending,
            doubt="",
            settings=settings,
            asked_by=pending.asked_by or asked_by,
            four_eyes=four_eyes,
        )
        if current != before:
            self._put(current)

    def doubt(self, collection: str, plan: ListPlan, withheld: Withheld, *, now_ms: int) -> None:
        """Remember that deletes of this list may not be approved now, and why; what waited before waits with them."""
        before = [pending for pending in self.every() if pending.list == plan.name]
        for pending in before or [_pending_delete(collection, plan, withheld, now_ms)]:
            self._put(msgspec.structs.replace(pending, doubt=withheld.reason))

    def _keep_digests(self, plan: ListPlan, caseless: bool) -> None:
        """Let the digests of the deletes live on, or write them."""
        name = sync_keys.pending(plan.pending_id)
        if self._redis.expire(name, KEEP_S):
            return
        for part, packed in digests_of(plan.deletes.read(), caseless=caseless).items():
            self._redis.hset(name, str(part), packed)
        self._redis.expire(name, KEEP_S)

    def _put(self, pending: PendingDelete) -> None:
        self._redis.hset(sync_keys.PENDING, pending.id, msgspec.json.encode(pending))

    def drop(self, name: str, *, but: str = "", approved: bool = False) -> None:
        """Forget what waits of a list, except `but`, and without `approved` except what was approved."""
        for pending in self.every():
            if pending.list == name and pending.id != but and (approved or not pending.approved_ms):
                self._redis.hdel(sync_keys.PENDING, pending.id)
                self._redis.delete(sync_keys.pending(pending.id))


def _pending_delete(collection: str, plan: ListPlan, withheld: Withheld, now_ms: int) -> PendingDelete:
    return PendingDelete(
        id=plan.pending_id,
        collection=collection,
        list=plan.name,
        count=plan.deletes.count,
        now=plan.now,
        reason=withheld.reason,
        samples=plan.deletes.samples,
        since_ms=now_ms,
    )
