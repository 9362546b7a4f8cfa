"""Messages that a bridge had in hand when it ended or fell silent: each is read alone, and in the end not any more."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.ledger.connection import answering

#: How often a message may have been in hand when a bridge ended; then it goes to the quarantine unread.
MOST_TIMES = 3

#: Messages that are remembered, and seconds for which they are.
MOST_REMEMBERED, REMEMBERED_S = 10_000, 86_400


class Suspects:
    """Counts by message, in Redis, shared by all bridges; raises ServiceAway("redis")."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        #: What this bridge has begun: a bridge that still runs was not ended by it.
        self._begun: set[str] = set()

    def mark(self, messages: Sequence[bytes]) -> None:
        """Note that a bridge had `messages` in hand when it fell silent; one that is known already counts by itself."""
        new = [message for message, count in zip(messages, self.counts(messages), strict=True) if not count]
        with answering():
            if new and self._redis.hlen(keys.INGEST_SUSPECTS) < MOST_REMEMBERED:
                self._redis.hset(keys.INGEST_SUSPECTS, mapping={_digest(message): 1 for message in new})
                self._redis.expire(keys.INGEST_SUSPECTS, REMEMBERED_S)

    def counts(self, messages: Sequence[bytes]) -> list[int]:
        """Return for each message how often a bridge ended with it in hand."""
        with answering():
            if not self._redis.exists(keys.INGEST_SUSPECTS):
                return [0] * len(messages)
            digests = [_digest(message) for message in messages]
            return [int(count or 0) for count in self._redis.hmget(keys.INGEST_SUSPECTS, *digests)]

    def begin(self, message: bytes, count: int) -> None:
        """Note beforehand that a bridge ended once more than `count` times over `message`, as this one may."""
        digest = _digest(message)
        if digest not in self._begun:
            with answering():
                self._redis.hset(keys.INGEST_SUSPECTS, digest, count + 1)
            self._begun.add(digest)

    def clear(self, message: bytes) -> None:
        """Forget a message that was read, or set aside."""
        digest = _digest(message)
        with answering():
            self._redis.hdel(keys.INGEST_SUSPECTS, digest)
        self._begun.discard(digest)


def _digest(message: bytes) -> str:
    return hashlib.sha256(message).hexdigest()[:32]
