"""What the record of a breaker says: of a service that is away, of a queue whose jobs wait or that is paused."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from workers.ledger.pauses import sentence


class Away(Struct, frozen=True):
    """A service that is away: why, since when and until when no worker calls it (ms of Redis' clock).

    `failures` counts how often in a row it was found away; `probe` is the job that goes ahead now, to see whether the
    service is back, "" for none.
    """

    service: str
    reason: str
    since_ms: int
    until_ms: int
    failures: int
    probe: str = ""


class QueueWait(Struct, frozen=True):
    """Why no job of a queue can be done as things are set, or none of one `kind` ("": all).

    Since when, and until when none is tried (ms of Redis' clock); `checks` counts how often it was found so, `probe` is
    the job that tries it now, "" for none.
    """

    queue: str
    kind: str
    reason: str
    since_ms: int
    until_ms: int
    checks: int
    probe: str = ""

    @property
    def said(self) -> str:
        """The same as a sentence."""
        since = datetime.fromtimestamp(self.since_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        what = f" ({self.kind})" if self.kind else ""
        return f"queue {self.queue}{what} waits since {since} UTC: {self.reason}"

    def concerns(self, kind: str) -> bool:
        """Tell whether jobs of `kind` wait."""
        return self.kind in ("", kind)


class Pause(Struct, frozen=True):
    """A queue that is paused: since when (ms of Redis' clock), why and by whom; 0 and "" where that was not noted."""

    queue: str
    since_ms: int = 0
    reason: str = ""
    by: str = ""

    @property
    def said(self) -> str:
        """The same as a sentence."""
        return sentence(self.queue, self.since_ms, self.reason, self.by)


def read_pause(queue: str, fields: dict[bytes, bytes]) -> Pause:
    """Return what the fields of a paused queue's record say; none of an older version."""
    texts = {name.decode(): value.decode(errors="replace") for name, value in fields.items()}
    return Pause(queue, int(texts.get("since", 0)), texts.get("reason", ""), texts.get("by", ""))


def read_queue_wait(queue: str, fields: dict[bytes, bytes]) -> QueueWait:
    """Return what the fields of a queue's breaker say."""
    breaker = read_breaker(queue, fields)
    return QueueWait(
        queue,
        fields.get(b"kind", b"").decode(),
        breaker.reason,
        breaker.since_ms,
        breaker.until_ms,
        breaker.failures,
        breaker.probe,
    )


def read_breaker(service: str, fields: dict[bytes, bytes]) -> Away:
    """Return what the fields of a breaker say."""

    def number(name: bytes) -> int:
        return int(fields.get(name, b"0"))

    reason, probe = fields.get(b"reason", b""), fields.get(b"probe", b"")
    return Away(
        service,
        reason.decode(errors="replace"),
        number(b"since"),
        number(b"until"),
        number(b"failures"),
        probe.decode(),
    )
