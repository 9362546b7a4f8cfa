"""The pub/sub channel: what is published while no bridge listens, or faster than it listens, is lost."""

from __future__ import annotations

from typing import Any

import structlog
from redis import Redis

from producers.bridge.source import BLOCK_S, MOST_MESSAGES, Taken
from workers.ledger import keys
from workers.ledger.ledger import answering

log = structlog.get_logger("tq.bridge")

#: Said wherever the channel is in use.
LOSSY = "a channel loses what nobody hears; use RPUSH, LPUSH or the stream instead"


class ChannelSource:
    """A subscription. Every bridge hears every message; in the ledger they are one job."""

    name = keys.INGEST_CHANNEL

    def __init__(self, redis: Redis) -> None:
        untyped: Any = redis
        self.subscription = untyped.pubsub(ignore_subscribe_messages=True)
        self.waiting: list[bytes] = []
        self.heard = False

    def take(self) -> Taken:
        """Return what was published since, or wait for the first message."""
        with answering():
            if not self.subscription.subscribed:
                self.subscription.subscribe(self.name)
            while len(self.waiting) < MOST_MESSAGES:
                message = self.subscription.get_message(timeout=0 if self.waiting else BLOCK_S)
                if message is None:
                    break
                self.waiting.append(message["data"])
        if self.waiting and not self.heard:
            log.warning("payloads come by the channel", key=self.name, hazard=LOSSY)
            self.heard = True
        return Taken(list(self.waiting))

    def done(self, taken: Taken) -> None:
        """Forget what was handed over."""
        del self.waiting[: len(taken.messages)]

    def close(self) -> None:
        """End the subscription."""
        with answering():
            self.subscription.close()
