"""Putting back what a backup holds: what Redis has already stays as it is, whatever else is added.

So a restore that was interrupted is begun again, and jobs that came since the loss are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from workers.backup.families import OWED
from workers.backup.format import Contents, JobPart, KeyPart, MarkersPart, Part
from workers.core.errors import InputError
from workers.ledger import backup_keys, keys
from workers.ledger.acts import Auditor
from workers.ledger.client import RedisClient
from workers.ledger.connection import now_ms, run, send
from workers.ledger.scripts import Script

if TYPE_CHECKING:
    from workers.ledger.accept import Word

RESTORE_JOBS, RESTORE_MARKERS = Script("restore_jobs", "markers"), Script("restore_markers", "markers")
RESTORE_KEYS = Script("restore_keys")

#: Parts of one kind, and bytes of them, that one call puts back.
PARTS_A_CALL, BYTES_A_CALL = 100, 1_048_576

#: Texts of markers in one call: each marker is looked up.
TEXTS_A_CALL = 8


class Restored(Struct):
    """How many jobs and markers were put back."""

    jobs: int = 0
    markers: int = 0


class Batch:
    """Gathers the words of some parts and sends them together."""

    def __init__(self, send_all: Callable[[list[Word]], None], most: int) -> None:
        self._send, self._most = send_all, most
        self._words: list[Word] = []
        self._parts = self._bytes = 0

    def add(self, words: Sequence[Word]) -> None:
        """Add a part; what has been gathered is sent where it is enough."""
        self._words += words
        self._parts += 1
        self._bytes += sum(len(word) for word in words if isinstance(word, bytes))
        if self._parts >= self._most or self._bytes >= BYTES_A_CALL:
            self.flush()

    def flush(self) -> None:
        """Send what has been gathered."""
        if self._words:
            self._send(self._words)
        self._words, self._parts, self._bytes = [], 0, 0


class Restoring:
    """Puts the parts of one backup back; raises ServiceAway("redis")."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self.restored = Restored()
        self._jobs = Batch(self._put_jobs, PARTS_A_CALL)
        self._keys = Batch(self._put_keys, PARTS_A_CALL)
        self._markers = Batch(self._put_markers, TEXTS_A_CALL)

    def take(self, part: Part) -> None:
        """Put a part back, or gather it for the next call."""
        match part:
            case JobPart():
                facts = (part.id, part.record, part.index, part.score, part.expires_ms, len(part.progress))
                self._jobs.add((*facts, *part.progress))
            case KeyPart():
                for each in (part, *_index_of(part)):
                    self._keys.add(_words_of(each))
            case MarkersPart():
                self._markers.add((part.name, part.markers))

    def flush(self) -> None:
        """Put back what has been gathered: the keys before the jobs that are packed against some of them."""
        for batch in (self._keys, self._jobs, self._markers):
            batch.flush()

    def _put_jobs(self, words: list[Word]) -> None:
        names = [keys.DONE, keys.DEAD, keys.REFUSED_JOBS]
        self.restored.jobs += int(run(self._redis, RESTORE_JOBS, names, [keys.PREFIX, *words]))

    def _put_keys(self, words: list[Word]) -> None:
        run(self._redis, RESTORE_KEYS, [], words)

    def _put_markers(self, words: list[Word]) -> None:
        self.restored.markers += int(run(self._redis, RESTORE_MARKERS, [], [keys.PREFIX, *words]))


def _words_of(part: KeyPart) -> list[Word]:
    gathered = backup_keys.restoring(part.name.decode(errors="surrogateescape"))
    head = (part.name, part.kind, part.expires_ms, int(part.is_last), gathered, len(part.items))
    return [*head, *part.items]


def _index_of(part: KeyPart) -> list[KeyPart]:
    """Return the line of the quarantine's index for an item of it: the index itself is no part of a backup."""
    item_id = part.name.removeprefix(keys.quarantined("").encode())
    fields = dict(zip(part.items[::2], part.items[1::2], strict=False)) if part.kind == "hash" else {}
    if item_id == part.name or b"at" not in fields:
        return []
    return [KeyPart(keys.QUARANTINE.encode(), "zset", 0, [fields[b"at"], item_id], 1)]


def begin(redis: RedisClient, contents: Contents, who: str, *, may_add: bool) -> None:
    """Note that a restore begins; raises InputError where Redis holds jobs or lists already and `may_add` is not said.

    One of the same backup that was interrupted goes on.
    """
    before = {name.decode(): value.decode() for name, value in redis.hgetall(backup_keys.RESTORE).items()}
    goes_on = before.get("digest") == contents.digest
    if before and not goes_on:
        raise InputError(
            f"another restore, begun by {before.get('by')}, has not ended; run it again with the same file, or empty "
            "this Redis (FLUSHDB)"
        )
    if not goes_on and not may_add and (name := _first_owed(redis)):
        raise InputError(
            f"this Redis is not empty: it holds {name}. Name an empty one (TQ_REDIS_URL), or say --add: then what is "
            "there stays, and what the backup has besides is added"
        )
    noted: dict[str, Word] = {"digest": contents.digest, "since": now_ms(redis), "by": who}
    redis.hset(backup_keys.RESTORE, mapping=noted)
    _begin_a_new_life(redis)


def end(redis: RedisClient, contents: Contents, restored: Restored, audit: Auditor, what: str) -> None:
    """Note that a restore has ended, in the audit trail too."""
    _begin_a_new_life(redis)
    # What upkeep finds out anew: how far done jobs are packed, and what the quarantine weighs.
    redis.delete(backup_keys.RESTORE, keys.PACKED_UNTIL, keys.QUARANTINE_BYTES)
    audit.record(
        "restore", what, jobs=restored.jobs, markers=restored.markers, taken_ms=contents.header.taken_ms
    )


def _begin_a_new_life(redis: RedisClient) -> None:
    """Let workers take this Redis for one that has forgotten claims: first attempts look for what earlier ones left."""
    redis.delete(keys.LIFE)


def _first_owed(redis: RedisClient) -> str:
    """Return the name of a key that a restore must not meet unasked, "" where there is none."""
    cursor = -1
    while cursor:
        scan = ("SCAN", max(cursor, 0), "MATCH", f"{keys.PREFIX}*", "COUNT", 1_000)
        ((answer, names),) = send(redis, [scan])
        cursor = int(answer)
        owed: list[bytes] = [name for name in names if OWED.match(name) and name != keys.EVENT_LINK.encode()]
        if owed:
            return owed[0].decode(errors="replace")
    return ""
