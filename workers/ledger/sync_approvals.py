"""What the guard held, for whoever looks at it and approves it."""

from __future__ import annotations

from typing import cast

import msgspec
from msgspec import Struct
from redis import Redis

from workers.core.errors import InputError
from workers.ledger import keys
from workers.ledger.connection import answering


class PendingDelete(Struct, frozen=True):
    """Pending deletes of one list; `approved_ms` is 0 while nobody has approved them.

    `doubt` says why nobody may approve them now, "" when somebody may.
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


class PendingDeletes:
    """All pending deletes; raises ServiceAway("redis")."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def every(self) -> list[PendingDelete]:
        """Return what is held, oldest first."""
        with answering():
            found = cast("dict[bytes, bytes]", self._redis.hgetall(keys.SYNC_HELD))
        holds = [msgspec.json.decode(text, type=PendingDelete) for text in found.values()]
        return sorted(holds, key=lambda pending: pending.since_ms)

    def approve(self, pending_id: str, *, by: str, now_ms: int) -> PendingDelete:
        """Let the next run carry out pending deletes; raises InputError when there are none of this id to approve."""
        pending = next((one for one in self.every() if one.id == pending_id), None)
        if pending is None:
            raise InputError(
                f"{pending_id} is not held (any more); `tqctl sync held` shows what is", field="id"
            )
        if pending.doubt:
            raise InputError(f"these deletes may not be approved now: {pending.doubt}", field=pending_id)
        approved = msgspec.structs.replace(pending, approved_ms=now_ms, approved_by=by)
        with answering():
            self._redis.hset(keys.SYNC_HELD, pending_id, msgspec.json.encode(approved))
        return approved
