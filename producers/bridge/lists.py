"""Lists, pushed at either end: each message goes to a list of our own in one step, and is dropped when done."""

from __future__ import annotations

from typing import Literal, cast

from redis import Redis

from producers.bridge.source import BLOCK_S, MOST_MESSAGES, Taken
from workers.ledger import keys
from workers.ledger.ledger import answering

#: Bytes of messages that are taken at a time; the rest stays where it is.
_MOST_BYTES = 8_388_608

End = Literal["LEFT", "RIGHT"]

#: The lists, and the end at which each has its oldest message.
OLDEST: dict[str, End] = {keys.INGEST_RPUSH: "LEFT", keys.INGEST_LPUSH: "RIGHT"}


class ListSource:
    """One list. What lies in its list of taken messages was not done: it comes again, from here or elsewhere."""

    def __init__(self, redis: Redis, name: str, bridge_id: str) -> None:
        self.redis = redis
        self.name = name
        self.taken = keys.ingest_taken(name, bridge_id)

    def take(self) -> Taken:
        """Take what a failed attempt left, else what is there, else wait for the first message."""
        with answering():
            left = cast("list[bytes]", self.redis.lrange(self.taken, 0, -1))
            if left:
                return Taken(left)
            first = self._wait()
            return Taken([first, *self._more(len(first))] if first is not None else [])

    def done(self, taken: Taken) -> None:
        """Drop messages from the list of taken ones."""
        with answering():
            self.redis.ltrim(self.taken, len(taken.messages), -1)

    def close(self) -> None:
        """Put back what was taken and is not done, in its old order."""
        with answering():
            give_back(self.redis, self.name, self.taken)

    def _wait(self) -> bytes | None:
        found = self.redis.blmove(self.name, self.taken, BLOCK_S, OLDEST[self.name], "RIGHT")
        return cast("bytes | None", found)

    def _more(self, size: int) -> list[bytes]:
        """Take further messages, in steps, so that large ones do not fill our memory."""
        found: list[bytes] = []
        while len(found) + 1 < MOST_MESSAGES and size < _MOST_BYTES:
            pipe = self.redis.pipeline(transaction=False)
            for _ in range(min(50, MOST_MESSAGES - 1 - len(found))):
                pipe.lmove(self.name, self.taken, OLDEST[self.name], "RIGHT")
            step = [message for message in pipe.execute() if message is not None]
            if not step:
                break
            found += step
            size += sum(map(len, step))
        return found


def give_back(redis: Redis, name: str, taken: str) -> int:
    """Put the messages of the list `taken` back to the old end of the list `name`; return how many."""
    count = 0
    while redis.lmove(taken, name, "RIGHT", OLDEST[name]) is not None:
        count += 1
    return count
