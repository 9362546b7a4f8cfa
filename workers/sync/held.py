"""What the guard held, for whoever looks at it and approves it."""

from __future__ import annotations

from typing import cast

import msgspec
from msgspec import Struct
from redis import Redis

from workers.errors import InputError
from workers.ledger import keys
from workers.ledger.ledger import answering


class Hold(Struct, frozen=True):
    """Held deletes of one list; `approved_ms` is 0 while nobody has approved them.

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


class HeldDeletes:
    """All held deletes; raises ServiceAway("redis")."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def every(self) -> list[Hold]:
        """Return what is held, oldest first."""
        with answering():
            found = cast("dict[bytes, bytes]", self._redis.hgetall(keys.SYNC_HELD))
        holds = [msgspec.json.decode(text, type=Hold) for text in found.values()]
        return sorted(holds, key=lambda hold: hold.since_ms)

    def approve(self, hold_id: str, *, by: str, now_ms: int) -> Hold:
        """Let the next run carry out held deletes; raises InputError when there are none of this id, or nobody may."""
        hold = next((one for one in self.every() if one.id == hold_id), None)
        if hold is None:
            raise InputError(f"{hold_id} is not held (any more); `tqctl sync held` shows what is", field="id")
        if hold.doubt:
            raise InputError(f"these deletes may not be approved now: {hold.doubt}", field=hold_id)
        approved = msgspec.structs.replace(hold, approved_ms=now_ms, approved_by=by)
        with answering():
            self._redis.hset(keys.SYNC_HELD, hold_id, msgspec.json.encode(approved))
        return approved
