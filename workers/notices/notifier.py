"""Looks after notices: twice a minute some process of the fleet sees what needs a person, and tells it.

All of it in a thread beside the work, which never waits for a receiver.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Sequence

import structlog
from msgspec import structs

from workers.core.errors import ConfigError, TqError
from workers.core.retry import RetryPolicy
from workers.ledger.client import RedisClient
from workers.ledger.connection import now_ms
from workers.notices.decisions import decide
from workers.notices.findings import findings
from workers.notices.outbox import Attempted, Outbox, Undelivered
from workers.notices.policy import Policy, policy_of
from workers.notices.receivers import Receiver, configured
from workers.notices.situation import situation
from workers.notices.webhook import in_thread
from workers.settings.model import Settings

log = structlog.get_logger(__name__)

#: Seconds between two looks of one process; the turn in Redis lasts about as long.
LOOK_EVERY_S = 10.0

#: Seconds after which no further attempt is begun, so that a turn is not overrun by much.
SEND_WITHIN_S = 15.0

#: How long a notice waits between its attempts, and in all, before it is given up.
BACKOFF = RetryPolicy(first_s=30.0, most_s=3_600.0)
GIVE_UP_MS = 86_400_000


class Notifier:
    """Sends notices for the receivers that the settings name; raises ConfigError for settings that cannot be used."""

    def __init__(self, redis: RedisClient, settings: Settings) -> None:
        self._redis, self._settings = redis, settings
        self.outbox = Outbox(redis)
        self.policy: Policy = policy_of(settings)
        self.receivers: Sequence[Receiver] = [make(settings) for _, make in configured(settings)]
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._thread: threading.Thread | None = None
        self._next = 0.0

    @property
    def is_busy(self) -> bool:
        """Tell whether the thread looks after notices just now."""
        return self._thread is not None and self._thread.is_alive()

    def step(self) -> None:
        """Look after notices in a thread of its own if it is time; returns at once."""
        if not self.receivers or self.is_busy or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + LOOK_EVERY_S
        self._thread = in_thread(self._round)

    def _round(self) -> None:
        try:
            if self.outbox.take_turn(self._name):
                self.look()
                self.deliver()
        except TqError as error:
            log.warning("notices not looked after", reason=str(error))
        except Exception:
            # A fault of ours in one round must not end the thread's next ones; the log has all of it.
            log.exception("notices not looked after")

    def look(self, now: int | None = None) -> None:
        """See what needs a person and keep the notices that are due at `now` (ms; None: by Redis' clock)."""
        now = now_ms(self._redis) if now is None else now
        seen = situation(self._redis, self._settings)
        decision = decide(
            findings(seen, self.policy.limits),
            self.outbox.incidents(),
            now,
            repeat_ms=self.policy.repeat_ms,
            muted=self.policy.muted(now),
        )
        self.outbox.keep(decision, [receiver.name for receiver in self.receivers], now)

    def deliver(self, now: int | None = None) -> None:
        """Send what is undelivered and due at `now`, one attempt each; a receiver that fails is left for this time."""
        now = now_ms(self._redis) if now is None else now
        receivers = {receiver.name: receiver for receiver in self.receivers}
        ends = time.monotonic() + SEND_WITHIN_S
        for item in self.outbox.undelivered():
            if time.monotonic() > ends:
                return
            receiver = receivers.get(item.receiver)
            if now - item.since_ms > GIVE_UP_MS:
                log.error("a notice is given up", receiver=item.receiver, notice=item.notice.finding.title)
                self.outbox.forget(item)
            elif receiver and item.next_ms <= now and not self._delivered(receiver, item, now):
                del receivers[item.receiver]

    def _delivered(self, receiver: Receiver, item: Undelivered, now: int) -> bool:
        # Before the attempt: while a receiver takes its time, no other process sends the same.
        pause_ms = int(BACKOFF.pause_s(item.tries + 1) * 1000)
        self.outbox.put_off(structs.replace(item, tries=item.tries + 1, next_ms=now + pause_ms))
        try:
            answer = receiver.send(item.notice)
        except TqError as error:
            log.warning("notice not sent", receiver=receiver.name, reason=str(error))
            self.outbox.note(receiver.name, Attempted(now, error=str(error)))
            return False
        self.outbox.note(receiver.name, Attempted(now, answer=answer))
        self.outbox.forget(item)
        return True


def notifier_of(redis: RedisClient, settings: Settings) -> Notifier | None:
    """Return what sends notices; None, and a line in the log, where the settings for it cannot be used."""
    try:
        return Notifier(redis, settings)
    except ConfigError as error:
        log.error("no notices are sent", reason=str(error))
        return None
