"""Why a queue is paused: since when, because of what, by whom; the sentence that those who wait are told.

The Smart Response stubs load this file: it needs nothing but the standard library.
"""

from __future__ import annotations

from workers.core.text import moment
from workers.ledger import keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.ledger.accept import Flow

#: The fields of the record.
FIELDS = ("since", "reason", "by")

#: Characters of a reason that are kept.
MOST_REASON = 300


def pause_flow(queue: str) -> Flow[str]:
    """Return the sentence about a paused queue, "" for one that is not, or of which an older version noted nothing."""
    (values,) = yield [("HMGET", keys.pause(queue), *FIELDS)]
    return sentence_of(queue, values)


def sentence_of(queue: str, values: Sequence[bytes | None]) -> str:
    """Return what the values of a record say of `queue`; "" for none."""
    since, reason, by = ((value or b"").decode(errors="replace") for value in values)
    return sentence(queue, int(since), reason, by) if since else ""


def sentence(queue: str, since_ms: int, reason: str, by: str) -> str:
    """Return what is told of a paused queue; of one that an older version paused (`since_ms` 0) only that."""
    parts = [
        f"queue {queue} is paused" + (f" since {moment(since_ms)} UTC" if since_ms else ""),
        f"because: {reason}" if reason else "",
        f"by {by}" if by else "",
    ]
    return ", ".join(filter(None, parts))
