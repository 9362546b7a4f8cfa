"""What a producer could not read but has to answer for: kept with the reason and its bytes, until an operator acts."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import structlog
from msgspec import Struct, structs

from workers.core.errors import Busy, MemoryFull
from workers.ledger import keys
from workers.ledger.accept import COME_AGAIN_S, MOST_MEMORY_PERCENT, script_flow
from workers.ledger.acts import Auditor, named
from workers.ledger.client import RedisClient
from workers.ledger.connection import follow, run
from workers.ledger.fullness import explained, full
from workers.ledger.records import Claim
from workers.ledger.scripts import Script
from workers.ledger.sealing import opened, sealed, why_locked
from workers.settings.model import Settings
from workers.settings.redaction import redaction_of

if TYPE_CHECKING:
    from workers.ledger.accept import Flow, Word

log = structlog.get_logger(__name__)

QUARANTINE = Script("quarantine", "writes", "memory")
QUARANTINE_WHEN_FULL = Script("quarantine", "writes", "memory", when_full=True)
QUARANTINE_DROP = Script("quarantine_drop", when_full=True)


class Unreadable(Struct, frozen=True):
    """Bytes that are no payload: the producer they came through, its name for the sender, why, and the bytes.

    `mapping` is the one that their sender named for them, "" for none.
    """

    producer: str
    source: str
    code: str
    reason: str
    raw: bytes
    mapping: str = ""

    @property
    def id(self) -> str:
        """The name under which these bytes are kept; the same bytes for the same mapping again are the same item."""
        named = f"{self.mapping}\n".encode() if self.mapping else b""
        return hashlib.sha256(b"quarantine\n" + named + self.raw).hexdigest()[:24]


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
    mapping: str = ""


class QuarantineLimits(Struct, frozen=True):
    """How much may be kept: items, bytes as they are stored, and how full Redis may be for it (percent; None: any).

    With None what is kept was in the same Redis before, so keeping it frees more than it takes. What the rules of
    `redact` name is taken out before.
    """

    most_items: int = 10_000
    most_bytes: int = 67_108_864
    memory_percent: float | None = MOST_MEMORY_PERCENT
    redact: str = ""


#: The limits of a process that reads no settings.
USUAL = QuarantineLimits()


def keep_flow(items: Sequence[Unreadable], limits: QuarantineLimits) -> Flow[list[str]]:
    """Keep `items`, all or none, and return their ids; raises Busy when there is no room."""
    most_memory = -1 if limits.memory_percent is None else int(limits.memory_percent * 10)
    arguments: list[Word] = [keys.PREFIX, limits.most_items, limits.most_bytes, most_memory]
    for item in items if not limits.redact else [_redacted(item, limits.redact) for item in items]:
        arguments += (
            item.id,
            item.producer,
            item.source,
            item.code,
            item.reason,
            sealed(zlib.compress(item.raw)),
            item.mapping,
        )
    script = QUARANTINE_WHEN_FULL if limits.memory_percent is None else QUARANTINE
    names = [keys.QUARANTINE, keys.QUARANTINE_BYTES, keys.COUNTS, keys.MEMORY]
    try:
        (answer,) = yield from script_flow(script, names, arguments)
        _check(answer)
    except MemoryFull as error:
        raise (yield from explained(error)) from error
    return [item_id.decode() for item_id in answer]


def _check(answer: Sequence[Any]) -> None:
    """Raise Busy where the script kept nothing."""
    if answer[:1] == [b"busy"]:
        raise Busy(
            "redis",
            f"the quarantine is full ({int(answer[1])} items, {int(answer[2]):,} bytes; max_quarantined, "
            "max_quarantined_bytes). tqctl dead list shows them, tqctl dead drop --quarantined makes room; "
            "send this again",
            after=COME_AGAIN_S,
        )
    if answer[:1] == [b"full"]:
        raise MemoryFull("redis", full(answer[1], "nothing unreadable is kept"), after=COME_AGAIN_S)


def _redacted(item: Unreadable, rules: str) -> Unreadable:
    redaction = redaction_of(rules)
    return structs.replace(item, raw=redaction.raw(item.raw), reason=redaction.text(item.reason))


def limits_of(settings: Settings) -> QuarantineLimits:
    """Return what the settings allow to be kept."""
    return QuarantineLimits(
        settings.max_quarantined,
        settings.max_quarantined_bytes,
        settings.memory_percent,
        settings.redact,
    )


class Quarantine:
    """Dead letters of their own kind: never a job, because no producer could make one of them."""

    def __init__(self, redis: RedisClient, limits: QuarantineLimits = USUAL) -> None:
        self.redis = redis
        self.limits = limits

    def keep(self, items: Sequence[Unreadable]) -> list[str]:
        """Keep `items`, all or none, and return their ids; raises Busy when there is no room."""
        if not items:
            return []
        return follow(self.redis, keep_flow(items, self.limits))

    def count(self) -> int:
        """Return how many items are kept."""
        return self.redis.zcard(keys.QUARANTINE)

    def size(self) -> int:
        """Return how many bytes the items take, as they are stored."""
        return int(self.redis.get(keys.QUARANTINE_BYTES) or 0)

    def ids(self, most: int = 200) -> list[str]:
        """Return ids of items, newest first."""
        item_ids = self.redis.zrevrange(keys.QUARANTINE, 0, most - 1)
        return [item_id.decode() for item_id in item_ids]

    def item(self, item_id: str) -> QuarantinedItem | None:
        """Return an item, or None when it is not (or no longer) kept."""
        fields = self.redis.hgetall(keys.quarantined(item_id))
        if b"raw" not in fields:
            return None
        locked = why_locked(fields[b"raw"])
        reason = fields[b"reason"].decode()
        return QuarantinedItem(
            id=item_id,
            producer=fields[b"door"].decode(),
            source=fields[b"source"].decode(),
            code=fields[b"code"].decode(),
            reason=f"{reason} ({locked})" if locked else reason,
            raw=b"" if locked else zlib.decompress(opened(fields[b"raw"])),
            at_ms=int(fields[b"at"]),
            times=int(fields[b"times"]),
            mapping=fields.get(b"mapping", b"").decode(),
        )

    def drop(self, item_ids: Sequence[str], audit: Auditor) -> int:
        """Forget items for good; return how many there were."""
        count = self.forget(item_ids)
        if count:
            audit.record("quarantine drop", named(item_ids), items=count)
        return count

    def released(self, item_id: str, audit: Auditor, *, jobs: Sequence[str], corrected: bool) -> None:
        """Forget an item of which jobs were made, as it was or corrected."""
        self.forget([item_id])
        audit.record("release", item_id, jobs=named(jobs), corrected="yes" if corrected else "")

    def forget(self, item_ids: Sequence[str]) -> int:
        """Forget items without a record of it: the caller leaves one."""
        if not item_ids:
            return 0
        names = [keys.QUARANTINE, keys.QUARANTINE_BYTES]
        return int(run(self.redis, QUARANTINE_DROP, names, [keys.PREFIX, *item_ids]))


#: What was in this Redis before takes no more of it in the quarantine.
_LIMITS = QuarantineLimits(memory_percent=None)


def set_aside(redis: RedisClient, claims: Sequence[Claim]) -> None:
    """Move what was claimed and cannot be read to the quarantine, and forget its job; raises ServiceAway("redis").

    Where the quarantine is full, it stays a job, and becomes a dead letter in the end.
    """
    quarantine = Quarantine(redis, _LIMITS)
    for claim in claims:
        reason = "no record of a job; see who may write to this Redis, and send the job again"
        item = Unreadable("ledger", f"{claim.queue} {claim.id}", "malformed_record", reason, claim.body)
        try:
            (item_id,) = quarantine.keep([item])
        except Busy as error:
            log.warning(
                "a record cannot be read, and the quarantine has no room", job=claim.id, reason=str(error)
            )
            continue
        pipe = redis.pipeline()
        pipe.zrem(keys.due(claim.queue), claim.id)
        pipe.delete(keys.job(claim.id), keys.progress(claim.id), keys.history(claim.id))
        pipe.execute()
        log.error("a record cannot be read", job=claim.id, queue=claim.queue, quarantined=item_id)
