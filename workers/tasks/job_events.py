"""What Flower and every other reader of Celery's events see of our jobs: one task for each, under its own kind.

Celery itself knows only of wake-ups, each of which brings up to a hundred jobs to an end. So a worker tells of its jobs
in Celery's own words (Celery user guide, Monitoring, event reference), all of a batch in one message.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import msgspec
import structlog
from celery import Celery
from celery.events.event import get_exchange
from kombu.exceptions import KombuError
from redis import RedisError

from workers.ledger.records import Claim, Settlement

log = structlog.get_logger(__name__)

Amount = Literal["all", "sampled", "failures", "off"]

#: With "sampled", one job in so many is told of, and every dead one.
SAMPLE = 20

#: Seconds that events wait for others, so that a message does not cost as much as a small job, and how many go out at
#: once. A worker's heartbeat, each two seconds, sends what no other event follows.
TOGETHER_S, MOST_TOGETHER = 0.25, 300

#: Characters of a title, and of a reason, that are told.
MOST_TEXT = 200

#: Characters of the longest word that is told, and what stands inside of addresses, hosts, paths and URLs.
MOST_WORD, INSIDE = 24, frozenset(".@:/\\")

#: What Celery calls the end of a job that was not done.
_ENDED = {"dead": "task-failed", "refused": "task-rejected"}

#: What a done job's note may be told of: numbers and words of ours.
_OUTCOME = ("event_id", "existing", "status", "outcome", "adds", "deletes")


def redacted(text: str) -> str:
    """Return the words of `text` that cannot tell of a person, a host or a value, and … for the others."""
    return " ".join(word if _is_harmless(word) else "…" for word in text[:MOST_TEXT].split())


def _is_harmless(word: str) -> bool:
    if len(word) > MOST_WORD or any(map(str.isdigit, word)):
        return False
    return INSIDE.isdisjoint(word[1:-1])


class JobEvents:
    """Tells of the jobs of one worker; what cannot be published is lost and logged, and costs no job."""

    def __init__(self, app: Celery, hostname: str, amount: Amount) -> None:
        self._app = app
        self._hostname = hostname
        self._amount = amount
        self._lock = threading.Lock()
        self._kept: list[dict[str, Any]] = []
        self._sent_s = float("-inf")

    def claimed(self, claims: Sequence[Claim]) -> None:
        """Tell that a job is worked on; jobs that come together are told of when they end, in one message."""
        if len(claims) == 1 and self._amount in ("all", "sampled") and self._is_told(claims[0]):
            self._add(self._begun(claims[0], time.time()))

    def settled(self, settlements: Sequence[Settlement], seconds: float) -> None:
        """Tell what became of jobs."""
        if self._amount != "off":
            began, alone = time.time() - seconds, len(settlements) == 1
            self._add(
                event
                for settlement in settlements
                for event in self._ended(settlement, seconds, began, is_known=alone)
            )

    def _is_told(self, claim: Claim) -> bool:
        return self._amount == "all" or int(claim.id[:8], 16) % SAMPLE == 0

    def _begun(self, claim: Claim, began: float) -> Iterator[dict[str, Any]]:
        """Yield that a job was accepted and that it is worked on, each with its own time."""
        yield self._event(
            "task-received",
            claim,
            claim.accepted_ms / 1000,
            name=claim.kind,
            args=f"({redacted(claim.title)!r},)",
            kwargs=f"{{'producer': {claim.producer!r}}}",
            retries=claim.attempts - 1,
            root_id=claim.id,
        )
        yield self._event("task-started", claim, began)

    def _ended(
        self, settlement: Settlement, seconds: float, began: float, *, is_known: bool
    ) -> Iterator[dict[str, Any]]:
        claim, state = settlement.claim, settlement.state
        is_told = self._amount != "failures" and self._is_told(claim)
        if state == "blocked" or not (is_told or state == "dead"):
            return
        if not (is_told and is_known):
            yield from self._begun(claim, began)
        if state == "done":
            shown = {name: settlement.entry[name] for name in _OUTCOME if name in settlement.entry}
            yield self._event("task-succeeded", claim, result=repr(shown), runtime=seconds)
            return
        name = settlement.entry.get("error", "Rejected") if state in _ENDED else state
        error = f"{name}({redacted(str(settlement.entry.get('reason', '')))!r})"
        kind = _ENDED.get(state, "task-retried")
        yield self._event(kind, claim, exception=error, traceback="")

    def _event(
        self, kind: str, claim: Claim, timestamp: float | None = None, /, **fields: Any
    ) -> dict[str, Any]:
        return {
            "type": kind,
            "uuid": claim.id,
            "hostname": self._hostname,
            "pid": os.getpid(),
            "timestamp": time.time() if timestamp is None else timestamp,
            "utcoffset": time.timezone // 3600,
            "clock": self._app.clock.forward(),
            **fields,
        }

    def _add(self, events: Iterable[dict[str, Any]]) -> None:
        with self._lock:
            self._kept.extend(events)
            is_time = len(self._kept) >= MOST_TOGETHER or time.monotonic() >= self._sent_s + TOGETHER_S
        if is_time:
            self.send()

    def send(self, **_: Any) -> None:
        """Send what waits for other events; takes whatever a signal of Celery's tells."""
        with self._lock:
            batch, self._kept = self._kept, []
            self._sent_s = time.monotonic()
        if batch:
            self._publish(batch)

    def _publish(self, batch: list[dict[str, Any]]) -> None:
        try:
            with self._app.producer_pool.acquire(block=True, timeout=1) as producer:
                exchange = get_exchange(producer.connection, name=self._app.conf.event_exchange)
                producer.publish(
                    msgspec.json.encode(batch),
                    exchange=exchange,
                    routing_key="task.multi",
                    declare=[exchange],
                    content_type="application/json",
                    content_encoding="utf-8",
                    headers={"hostname": self._hostname},
                    retry=False,
                    delivery_mode=1,
                )
        except (KombuError, RedisError, OSError) as error:
            log.debug("job events lost", reason=str(error), events=len(batch))
