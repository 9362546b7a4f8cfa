"""What done jobs have in common, learnt from the ledger's own jobs, so that each needs to keep only the rest.

A dictionary is made of a few jobs, each day and whenever there are four times as many, and stays while a job needs it.
"""

from __future__ import annotations

import zlib

from msgspec import Struct

from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.ledger.packed import dictionary_of, is_packed, unpack

#: Bytes of a record that are read where many are: the six lines of one as it was accepted, and nearly always all of a
#: packed one.
HEAD_BYTES = 2_047

#: Dictionaries that a reader remembers.
MOST_KNOWN = 8


class Use(Struct, frozen=True, order=True):
    """Since when a dictionary is used (ms), how many jobs were done then, and its name."""

    since_ms: int
    done: int
    name: str


class Dictionaries:
    """What done jobs have in common, and whatever is read with it; raises ServiceAway("redis")."""

    def __init__(self, redis: RedisClient) -> None:
        self.redis = redis
        self._known: dict[str, bytes] = {}

    def unpack(self, packed: bytes) -> tuple[bytes, dict[bytes, bytes]] | None:
        """Return record and progress as they were before; None where the dictionary is gone, or it is no such job."""
        try:
            words = self.words(dictionary_of(packed))
            return None if words is None else unpack(packed, words)
        except (ValueError, IndexError, zlib.error):
            # It only begins like one.
            return None

    def read(
        self, job_id: str, beginning: bytes, progress: dict[bytes, bytes]
    ) -> tuple[bytes, dict[bytes, bytes]]:
        """Return record (or its beginning) and progress of a job, which may be packed; empty where they are gone."""
        if not is_packed(beginning):
            return beginning, progress
        packed = self.redis.get(keys.job(job_id)) if len(beginning) > HEAD_BYTES else beginning
        return (packed and is_packed(packed) and self.unpack(packed)) or (b"", {})

    def as_accepted(self, record: bytes | None) -> bytes | None:
        """Return a record as it was accepted, whether it is packed or not; None where it is gone."""
        if not record or not is_packed(record):
            return record
        record, _ = self.unpack(record) or (None, {})
        return record

    def words(self, name: str) -> bytes | None:
        """Return the words of a dictionary; None where it is gone."""
        if name not in self._known:
            words = self.redis.get(keys.dictionary(name))
            if words is None:
                return None
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[name] = words
        return self._known[name]

    def uses(self) -> list[Use]:
        """Return the dictionaries that there are."""
        uses = self.redis.hgetall(keys.DICTIONARIES)
        facts = ((name.decode(), use.split()) for name, use in uses.items())
        return [Use(int(since), int(done), name) for name, (since, done) in facts]
