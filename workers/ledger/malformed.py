"""Records that are none: each goes to the quarantine, so that what is behind it is worked on."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from workers.core.errors import Busy
from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.ledger.quarantine import Quarantine, QuarantineLimits, Unreadable
from workers.ledger.records import Claim

log = structlog.get_logger(__name__)

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
