"""The stream, our preferred form: Redis itself remembers who has taken what."""

from __future__ import annotations

import json
from typing import Any, cast

import redis as redis_client
from redis import Redis

from producers.bridge.source import BLOCK_S, MOST_MESSAGES, Taken
from workers.ledger import keys
from workers.ledger.ledger import answering

#: The field of an entry that holds the raw payload.
FIELD = b"payload"


class StreamSource:
    """Our place in the consumer group; entries of bridges that fell silent are taken over."""

    name = keys.INGEST_STREAM

    def __init__(self, redis: Redis, bridge_id: str, *, takeover_s: float) -> None:
        self.redis = redis
        self.bridge_id = bridge_id
        self.takeover_ms = int(takeover_s * 1000)

    def take(self) -> Taken:
        """Take what a failed attempt left, else what a silent bridge left, else what is new."""
        with answering():
            try:
                return _taken(self._own() or self._left_behind() or self._new())
            except redis_client.exceptions.ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
                self._make_group()
                return Taken([])

    def done(self, taken: Taken) -> None:
        """Acknowledge entries and delete them, so that the stream is as long as what is left to do."""
        with answering():
            pipe = self.redis.pipeline()
            pipe.xack(self.name, keys.INGEST_GROUP, *taken.ids)
            pipe.xdel(self.name, *taken.ids)
            pipe.execute()

    def close(self) -> None:
        """Leave the group if nothing of ours is open in it; what is open is taken over by another bridge."""
        with answering():
            if not self._own():
                self.redis.xgroup_delconsumer(self.name, keys.INGEST_GROUP, self.bridge_id)

    def _own(self) -> list[Any]:
        return self._read("0", block=None)

    def _new(self) -> list[Any]:
        return self._read(">", block=BLOCK_S * 1000)

    def _read(self, after: str, *, block: int | None) -> list[Any]:
        answer = cast(
            "list[Any]",
            self.redis.xreadgroup(
                keys.INGEST_GROUP, self.bridge_id, {self.name: after}, count=MOST_MESSAGES, block=block
            ),
        )
        return answer[0][1] if answer else []

    def _left_behind(self) -> list[Any]:
        answer: Any = self.redis.xautoclaim(
            self.name, keys.INGEST_GROUP, self.bridge_id, self.takeover_ms, "0", count=MOST_MESSAGES
        )
        entries: list[Any] = answer[1]
        return entries

    def _make_group(self) -> None:
        try:
            self.redis.xgroup_create(self.name, keys.INGEST_GROUP, id="0", mkstream=True)
        except redis_client.exceptions.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise


def _taken(entries: list[Any]) -> Taken:
    # An entry that was deleted while it was open has no fields left.
    present = [(entry_id, fields) for entry_id, fields in entries if fields]
    gone = [entry_id for entry_id, fields in entries if not fields]
    return Taken([_message(fields) for _, fields in present], [entry_id for entry_id, _ in present] + gone)


def _message(fields: dict[bytes, bytes]) -> bytes:
    """Return the raw payload; of an entry without one, all that it holds, which no door can read."""
    if FIELD in fields:
        return fields[FIELD]
    text = {
        name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in fields.items()
    }
    return json.dumps([f"the entry has no field {FIELD.decode()}", text]).encode()
