"""From raw messages to the ledger, for as long as that takes; what is no payload goes to the quarantine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import structlog
from msgspec.structs import replace

from workers.core.errors import Busy, ServiceAway, SlowedDown
from workers.core.jobs import Job, compact
from workers.core.retry import RetryPolicy, retry
from workers.ledger.accept import Accepted
from workers.ledger.client import RedisRefusal
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine, Unreadable
from workers.payload.intake import Intake, RejectedPayload, refused_only
from workers.payload.mapped import mapping_name

log = structlog.get_logger("tq.bridge")

#: Jobs in one call to the ledger; a call holds Redis for about 10 us a job.
JOBS_A_CALL = 200

#: While the ledger takes nothing, or a source cannot be reached. A full ledger may have room again at any moment.
RETRY = RetryPolicy(first_s=0.1, most_s=5.0, heeds=False)


#: A message, and one of the things that it holds.
Read = tuple[bytes, Job | RejectedPayload]


class Stopped(Exception):
    """The bridge was told to stop while something still had to wait."""


class Forwarder:
    """Puts messages into the ledger; while it is full or away, nothing more is taken from any source."""

    def __init__(
        self, intake: Intake, ledger: Ledger, quarantine: Quarantine, stopping: threading.Event
    ) -> None:
        self.intake = intake
        self.ledger = ledger
        self.quarantine = quarantine
        self.stopping = stopping
        self._may_read = True

    def __call__(self, messages: Sequence[bytes], *, source: str) -> dict[bytes, float]:
        """Return once every message is accepted or quarantined; repeating it does no harm.

        Those that hold something of a sender that is slowed down are returned, with the seconds for which nothing is
        accepted from it. Raises Stopped when the bridge is stopped before that.
        """
        return self.put(self.read(messages), source)

    def read(self, messages: Sequence[bytes]) -> list[Read]:
        """Return what the messages hold."""
        return [(message, item) for message in messages for item in self._read(message)]

    def put(self, read: Sequence[Read], source: str) -> dict[bytes, float]:
        """Return once all that was read is accepted or quarantined; returns and raises like a call."""
        return retry(lambda: self._put(read, source), RETRY, sleep=self._wait, tell=_tell)

    def set_aside(self, message: bytes, source: str) -> None:
        """Quarantine a message unread, over which bridges have ended; raises Stopped."""
        reason = "bridges ended or stood still while they read it; it was not read again"
        item = Unreadable("redis", source, "ends_bridges", reason, self.intake.redacted(message))
        log.error("set aside", source=source, item=item.id, reason=reason)
        self.until_done(lambda: self._keep([item]))

    def _keep(self, items: list[Unreadable]) -> None:
        self.quarantine.keep(items)

    def until_done(self, act: Callable[[], None]) -> None:
        """Do `act`, again and again while Redis is away or full; raises Stopped."""
        retry(act, RETRY, sleep=self._wait, tell=_tell)

    def _wait(self, seconds: float) -> None:
        if self.stopping.wait(seconds):
            raise Stopped

    def _read(self, message: bytes) -> list[Job | RejectedPayload]:
        """Read a message; one that holds nothing but faults is refused whole, with the bytes that came."""
        read = self.intake.jobs(message)
        refused = refused_only(read)
        return [replace(refused[0], raw=self.intake.redacted(message))] if len(refused) == len(read) else read

    def _put(self, read: Sequence[Read], source: str) -> dict[bytes, float]:
        jobs = [(message, item) for message, item in read if isinstance(item, Job)]
        unreadable = [_unreadable(item, source) for _, item in read if isinstance(item, RejectedPayload)]
        waits: dict[bytes, SlowedDown] = {}
        at_once = min(JOBS_A_CALL, self.ledger.acceptance.most_open)
        for start in range(0, len(jobs), at_once):
            part = jobs[start : start + at_once]
            answers = self.ledger.accept([job for _, job in part], apart=True)
            self._tell_known([answer for answer in answers if is_repeat(answer)])
            for (message, job), answer in zip(part, answers, strict=True):
                if answer.slowed:
                    waits[message] = answer.slowed
                elif answer.conflict:
                    unreadable.append(_conflicting(job, source))
        for item in unreadable:
            log.warning("unreadable", source=source, item=item.id, reason=item.reason)
        for reason in sorted({str(slowed) for slowed in waits.values()}):
            log.warning("sender waits", source=source, reason=reason)
        self.quarantine.keep(unreadable)
        return {message: slowed.after or 0.0 for message, slowed in waits.items()}

    def _tell_known(self, repeats: Sequence[Accepted]) -> None:
        """Log what had been sent before, and what became of it where our user may read that."""
        facts: list[dict[str, object]] = [{} for _ in repeats]
        if self._may_read:
            try:
                facts = [job.fields() for job in self.ledger.known(repeats)]
            except ServiceAway as error:
                # A user who may only accept is not to fill the log of the ACL.
                self._may_read = not (isinstance(error, RedisRefusal) and error.code == "NOPERM")
        for answer, fields in zip(repeats, facts, strict=True):
            log.info("known already", job=answer.id, **fields)


def is_repeat(answer: Accepted) -> bool:
    """Tell whether a job was in the ledger before."""
    return not (answer.created or answer.conflict or answer.slowed)


def _tell(error: ServiceAway, pause_s: float) -> None:
    log.warning("waiting", busy=isinstance(error, Busy), reason=str(error), again_in_s=pause_s)


def _unreadable(refused: RejectedPayload, source: str) -> Unreadable:
    return Unreadable("redis", source, refused.code, refused.detail, refused.raw, refused.mapping)


def _conflicting(job: Job, source: str) -> Unreadable:
    reason = "its CloudEvents source and id were used before for another payload"
    raw = compact(job.arguments["payload"])
    return Unreadable("redis", source, "key_reused", reason, raw, mapping_name(job.arguments))
