"""What a producer could not read but has to answer for: kept with the reason and its bytes, until an operator acts."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from workers.core.errors import Busy
from workers.ledger import keys
from workers.ledger.accept import script_flow
from workers.ledger.client import RedisClient
from workers.ledger.connection import follow
from workers.ledger.scripts import Script

if TYPE_CHECKING:
    from workers.ledger.accept import Flow, Word

QUARANTINE = Script("quarantine")


class Unreadable(Struct, frozen=True):
    """Bytes that are no payload: the producer they came through, its name for the sender, why, and the bytes."""

    producer: str
    source: str
    code: str
    reason: str
    raw: bytes

    @property
    def id(self) -> str:
        """The name under which these bytes are kept; the same bytes again are the same item."""
        return hashlib.sha256(b"quarantine\n" + self.raw).hexdigest()[:24]


class QuarantinedItem(Struct, frozen=True):
    """An item of the quarantine; `times` counts how often the same bytes came."""

    id: str
    producer: str
    source: str
    code: str
    reason: str
    raw: bytes
    at_ms: int
    times: int


def keep_flow(items: Sequence[Unreadable], *, most: int) -> Flow[list[str]]:
    """Keep `items`, all or none, and return their ids; raises Busy when there is no room."""
    arguments: list[Word] = [keys.PREFIX, most]
    for item in items:
        arguments += (item.id, item.producer, item.source, item.code, item.reason, zlib.compress(item.raw))
    (answer,) = yield from script_flow(QUARANTINE, [keys.QUARANTINE, keys.COUNTS], arguments)
    if answer and answer[0] == b"busy":
        raise Busy(
            "redis",
            f"the quarantine is full ({int(answer[1])} items; tqctl dead list shows them, tqctl dead drop makes room); "
            "send this again",
            after=60,
        )
    return [item_id.decode() for item_id in answer]


class Quarantine:
    """Dead letters of their own kind: never a job, because no producer could make one of them."""

    def __init__(self, redis: RedisClient, *, most: int = 10_000) -> None:
        self.redis = redis
        self.most = most

    def keep(self, items: Sequence[Unreadable]) -> list[str]:
        """Keep `items`, all or none, and return their ids; raises Busy when there is no room."""
        if not items:
            return []
        return follow(self.redis, keep_flow(items, most=self.most))

    def count(self) -> int:
        """Return how many items are kept."""
        return self.redis.zcard(keys.QUARANTINE)

    def ids(self, most: int = 200) -> list[str]:
        """Return ids of items, newest first."""
        found = self.redis.zrevrange(keys.QUARANTINE, 0, most - 1)
        return [item_id.decode() for item_id in found]

    def item(self, item_id: str) -> QuarantinedItem | None:
        """Return an item, or None when it is not (or no longer) kept."""
        fields = self.redis.hgetall(keys.quarantined(item_id))
        if b"raw" not in fields:
            return None
        return QuarantinedItem(
            id=item_id,
            producer=fields[b"door"].decode(),
            source=fields[b"source"].decode(),
            code=fields[b"code"].decode(),
            reason=fields[b"reason"].decode(),
            raw=zlib.decompress(fields[b"raw"]),
            at_ms=int(fields[b"at"]),
            times=int(fields[b"times"]),
        )

    def drop(self, item_ids: Sequence[str]) -> int:
        """Forget items for good; return how many there were."""
        if not item_ids:
            return 0
        pipe = self.redis.pipeline()
        removed = pipe.zrem(keys.QUARANTINE, *item_ids)
        pipe.delete(*map(keys.quarantined, item_ids))
        pipe.execute()
        return removed.value
