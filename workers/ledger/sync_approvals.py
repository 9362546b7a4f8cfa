"""Pending deletes: what the delete guard stopped, for operators to look at and approve."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from workers.core.errors import InputError
from workers.ledger import sync_keys
from workers.ledger.acts import Auditor
from workers.ledger.client import RedisClient


class PendingDelete(Struct, frozen=True):
    """Pending deletes of one list; `approved_ms` is 0 until they are approved.

    `doubt` says why they may not be approved now, "" when they may; `settings` are those of the run that found them,
    as far as the delete guard looks at them, by name. `asked_by` is who started the first run by hand that found them,
    "" where only the schedule has; with `four_eyes` that one may not approve them.
    """

    id: str
    collection: str
    list: str
    count: int
    now: int
    reason: str
    samples: tuple[str, ...]
    since_ms: int
    approved_ms: int = 0
    approved_by: str = ""
    doubt: str = ""
    settings: dict[str, Any] = {}
    asked_by: str = ""
    four_eyes: bool = False

    def why_not(self, name: str) -> str:
        """Return why the operator of this name may not approve them now, "" where that one may."""
        if self.doubt:
            return f"these deletes may not be approved now: {self.doubt}"
        if self.four_eyes and self.asked_by.casefold() == name.casefold():
            return f"{name} started the run that found these; another operator approves them (sync_four_eyes)"
        return ""


class PendingDeletes:
    """All pending deletes; raises ServiceAway("redis")."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    def every(self) -> list[PendingDelete]:
        """Return what waits, oldest first."""
        stored = self._redis.hgetall(sync_keys.PENDING)
        deletes = [msgspec.json.decode(text, type=PendingDelete) for text in stored.values()]
        return sorted(deletes, key=lambda pending: pending.since_ms)

    def approve(self, pending_id: str, audit: Auditor, *, now_ms: int) -> PendingDelete:
        """Let the next run carry out pending deletes; raises InputError when there are none of this id to approve."""
        pending = next((pending for pending in self.every() if pending.id == pending_id), None)
        if pending is None:
            raise InputError(
                f"no deletes wait under the id {pending_id} (any more); `tqctl sync held` shows which do",
                field="id",
            )
        if why := pending.why_not(audit.actor.name):
            raise InputError(why, field=pending_id)
        approved = msgspec.structs.replace(pending, approved_ms=now_ms, approved_by=audit.actor.name)
        self._redis.hset(sync_keys.PENDING, pending_id, msgspec.json.encode(approved))
        audit.record("approve", pending_id, list=pending.list, deletes=pending.count)
        return approved
