"""What a notice is: something that needs a person, and whether that began, lasts or is over."""

from __future__ import annotations

from typing import Literal, get_args

from msgspec import Struct

Cause = Literal[
    "dead_letters",
    "paused_queue",
    "pending_approvals",
    "sync_overdue",
    "sync_failed",
    "service_away",
    "redis_full",
    "expiry",
    "source_limited",
]

CAUSES: tuple[Cause, ...] = get_args(Cause)

#: began: it is new. still: it lasts, and was last told of long ago. over: it is gone.
Event = Literal["began", "still", "over"]


class Finding(Struct, frozen=True):
    """Something that needs a person; `count` says how much of it there is, `path` where the status page shows it.

    `subject` tells findings of one cause apart: a queue, a service, a collection, a certificate.
    """

    cause: Cause
    subject: str
    count: int
    title: str
    text: str
    remedy: str
    path: str = "/"

    @property
    def key(self) -> str:
        """Names the finding as long as it lasts."""
        return f"{self.cause}:{self.subject}" if self.subject else self.cause


class Notice(Struct, frozen=True):
    """What is told of a finding: that it began, lasts, or is over, and since when; times in ms of Redis' clock."""

    event: Event
    finding: Finding
    since_ms: int
    at_ms: int
