"""What messages come from: lists, the stream and the pub/sub channel of Redis.

Each source has a name, messages by the batch, and a way to say that they are done. A list is pushed at either end:
each message moves to a list of the bridge's own in one step, and is dropped when done. The stream is the preferred
form: Redis itself remembers which bridge has taken what. The channel loses what is published while no bridge listens,
or faster than it listens.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol

import structlog
from msgspec import Struct

from producers.bridge.suspects import Suspects
from workers.ledger import keys
from workers.ledger.client import End, Entries, RedisClient, RedisRefusal
from workers.ledger.connection import answering, run
from workers.ledger.scripts import Script
from workers.ledger.small_writes import write

log = structlog.get_logger("tq.bridge")

#: Taking messages is the first step to fewer of them, so a full Redis takes part.
MOVE = Script("move", when_full=True)

#: Messages that are taken at a time under load.
MOST_MESSAGES = 200

#: Seconds that a source may let us wait for its first message, so that a stop is heard soon.
BLOCK_S = 1

#: Said wherever the channel is in use.
LOSSY = "a channel loses what no bridge hears; use RPUSH, LPUSH or the stream instead"

#: Bytes of messages that are taken at a time; the rest stays where it is.
_MOST_BYTES = 8_388_608

#: The lists, and the end at which each has its oldest message.
OLDEST: dict[str, End] = {keys.INGEST_RPUSH: "LEFT", keys.INGEST_LPUSH: "RIGHT"}

#: The field of an entry that holds the raw payload.
FIELD = b"payload"


class Taken(Struct, frozen=True):
    """Messages of one source, and the names by which the source knows them."""

    messages: Sequence[bytes]
    ids: Sequence[bytes] = ()


class MessageSource(Protocol):
    """Something that messages come from; its methods raise ServiceAway("redis")."""

    name: str

    def take(self) -> Taken:
        """Return the next messages, those that were not done yet first; none after BLOCK_S without one."""

    def done(self, taken: Taken) -> None:
        """Forget messages that are in the ledger or the quarantine, or wait for their sender."""

    def close(self) -> None:
        """Give back what was taken and is not done."""


class ChannelSource:
    """A subscription. Every bridge hears every message; in the ledger they are one job."""

    name = keys.INGEST_CHANNEL

    def __init__(self, redis: RedisClient) -> None:
        self.subscription = redis.pubsub(ignore_subscribe_messages=True)
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


class ListSource:
    """One list. What lies in its list of taken messages was not done: it comes again, from here or elsewhere."""

    def __init__(self, redis: RedisClient, name: str, bridge_id: str) -> None:
        self.redis = redis
        self.name = name
        self.taken = keys.ingest_taken(name, bridge_id)

    def take(self) -> Taken:
        """Take what a failed attempt left, else what is there, else wait for the first message."""
        left = self.redis.lrange(self.taken, 0, -1)
        if left:
            return Taken(left)
        there = move(self.redis, (self.name, OLDEST[self.name]), (self.taken, "RIGHT"))
        if there:
            return Taken(there)
        # A Redis that is out of memory refuses a wait at once; the forwarder then pauses before it asks again.
        first = self.redis.blmove(self.name, self.taken, BLOCK_S, OLDEST[self.name], "RIGHT")
        return Taken([] if first is None else [first])

    def done(self, taken: Taken) -> None:
        """Drop messages from the list of taken ones."""
        self.redis.ltrim(self.taken, len(taken.messages), -1)

    def close(self) -> None:
        """Put back what was taken and is not done, in its old order."""
        give_back(self.redis, self.name, self.taken)


def move(redis: RedisClient, source: tuple[str, End], target: tuple[str, End]) -> list[bytes]:
    """Move messages from one end of a list to an end of another, MOST_MESSAGES and about _MOST_BYTES at most."""
    arguments = [source[1], target[1], MOST_MESSAGES, _MOST_BYTES]
    messages: list[bytes] = run(redis, MOVE, [source[0], target[0]], arguments)
    return messages


def give_back(redis: RedisClient, name: str, taken: str) -> int:
    """Put the messages of the list `taken` back to the old end of the list `name`; return how many."""
    count = 0
    while moved := move(redis, (taken, "RIGHT"), (name, OLDEST[name])):
        count += len(moved)
    return count


class StreamSource:
    """Our place in the consumer group; entries of bridges that fell silent are taken over."""

    name = keys.INGEST_STREAM

    def __init__(self, redis: RedisClient, bridge_id: str, *, takeover_s: float) -> None:
        self.redis = redis
        self.bridge_id = bridge_id
        self.takeover_ms = int(takeover_s * 1000)
        self.suspects = Suspects(redis)

    def take(self) -> Taken:
        """Take what a failed attempt left, else what a silent bridge left, else what is new."""
        try:
            return _taken(self._own() or self._left_behind() or self._new())
        except RedisRefusal as refusal:
            if refusal.code != "NOGROUP":
                raise
            self._make_group()
            return Taken([])

    def done(self, taken: Taken) -> None:
        """Acknowledge entries and delete them, so that the stream is as long as what is left to do."""
        write(self.redis, ("XACK", self.name, keys.INGEST_GROUP, *taken.ids), ("XDEL", self.name, *taken.ids))

    def close(self) -> None:
        """Leave the group if nothing of ours is open in it; what is open is taken over by another bridge."""
        if not self._own():
            self.redis.xgroup_delconsumer(self.name, keys.INGEST_GROUP, self.bridge_id)

    def _own(self) -> Entries:
        return self._read("0", block=None)

    def _new(self) -> Entries:
        return self._read(">", block=BLOCK_S * 1000)

    def _read(self, after: str, *, block: int | None) -> Entries:
        answer = self.redis.xreadgroup(
            keys.INGEST_GROUP, self.bridge_id, {self.name: after}, count=MOST_MESSAGES, block=block
        )
        return answer[0][1] if answer else []

    def _left_behind(self) -> Entries:
        _, entries, _ = self.redis.xautoclaim(
            self.name, keys.INGEST_GROUP, self.bridge_id, self.takeover_ms, "0", count=MOST_MESSAGES
        )
        return entries

    def _make_group(self) -> None:
        try:
            self.redis.xgroup_create(self.name, keys.INGEST_GROUP, id="0", mkstream=True)
        except RedisRefusal as refusal:
            if refusal.code != "BUSYGROUP":
                raise


def _taken(entries: Entries) -> Taken:
    # An entry that was deleted while it was open has no fields left.
    present = [(entry_id, fields) for entry_id, fields in entries if fields]
    gone = [entry_id for entry_id, fields in entries if not fields]
    return Taken([_message(fields) for _, fields in present], [entry_id for entry_id, _ in present] + gone)


def _message(fields: dict[bytes, bytes]) -> bytes:
    """Return the raw payload; of an entry without one, all that it holds, which no producer can read."""
    if FIELD in fields:
        return fields[FIELD]
    text = {
        name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in fields.items()
    }
    return json.dumps([f"the entry has no field {FIELD.decode()}", text]).encode()
