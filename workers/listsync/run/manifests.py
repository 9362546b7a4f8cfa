"""The manifests in Redis: which lists we wrote into, and what we put into each, 16 bytes an entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import msgspec
from msgspec import Struct

from workers.core.text import short
from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.listsync.plan.manifest import Manifest, digest, unpack, with_added, with_removed
from workers.listsync.plan.spill import PARTS, key_of, partition

#: Partitions that are changed in one round trip; of a list of a million entries they take 4 MB.
AT_ONCE = 8

#: The field that holds the list's name and makes a manifest of nothing exist.
NAME = "list"


#: Stands among the lists that we wrote into once older ones have been looked for.
LOOKED_FOR = b"-"

#: Keys that Redis looks through in one call, where the lists that we wrote into are looked for.
SCANNED_AT_ONCE = 10_000


class WrittenList(Struct, frozen=True):
    """A list that we wrote into: its name then, and whether entries in capitals are the same entries."""

    name: str
    caseless: bool = False


class StoredManifest(Mapping[int, bytes]):
    """A manifest that is fetched partition by partition, since a large list's takes 16 MB."""

    def __init__(self, redis: RedisClient, key: str) -> None:
        self._redis, self._key = redis, key

    def __getitem__(self, part: int) -> bytes:
        packed = self._redis.hget(self._key, str(part))
        if packed is None:
            raise KeyError(part)
        return packed

    def __iter__(self) -> Iterator[int]:
        return (part for part in range(PARTS) if part in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Manifests:
    """What we put into the lists of one LogRhythm. Only the run of a list's collection changes its manifest."""

    def __init__(self, redis: RedisClient, host: str) -> None:
        self._redis, self._host = redis, short(host)

    def of(self, guid: str) -> Manifest | None:
        """Return a list's manifest; None when we never wrote to it."""
        key = keys.sync_manifest(self._host, guid)
        return StoredManifest(self._redis, key) if self._redis.exists(key) else None

    def has(self, guid: str, value: str, *, caseless: bool) -> bool:
        """Tell whether we put a value, spelled so, into a list."""
        manifest = self.of(guid)
        part = partition(key_of(caseless)(value))
        return manifest is not None and digest(value) in unpack(manifest.get(part, b""))

    def written(self) -> dict[str, WrittenList]:
        """Return every list that we wrote into, by guid."""
        index = keys.sync_lists(self._host)
        stored = self._redis.hgetall(index) or self._find_written(index)
        return {
            guid.decode(): msgspec.json.decode(text, type=WrittenList)
            for guid, text in stored.items()
            if guid != LOOKED_FOR
        }

    def _find_written(self, index: str) -> dict[bytes, bytes]:
        """Note the lists that were written before there was such a note; looks through all of Redis, once."""
        self._redis.hset(index, LOOKED_FOR.decode(), "")
        for key in list(self._redis.scan_iter(keys.sync_manifest(self._host, "*"), SCANNED_AT_ONCE)):
            name = self._redis.hget(key.decode(), NAME) or b""
            self.note(key.decode().rpartition(":")[2], WrittenList(name.decode()))
        return self._redis.hgetall(index)

    def note(self, guid: str, written: WrittenList) -> None:
        """Note that we write into a list."""
        self._redis.hset(keys.sync_lists(self._host), guid, msgspec.json.encode(written))

    def added(self, guid: str, name: str, digests: Manifest, *, caseless: bool = False) -> None:
        """Note entries as ours, and the list as one of ours; to be done before they are put into it."""
        self.note(guid, WrittenList(name, caseless))
        self._change(guid, name, digests, with_added)

    def removed(self, guid: str, name: str, digests: Manifest) -> None:
        """Forget entries; to be done after they were taken out of the list."""
        self._change(guid, name, digests, with_removed)

    def forget(self, guid: str) -> None:
        """Forget a list."""
        self._redis.delete(keys.sync_manifest(self._host, guid))
        self._redis.hdel(keys.sync_lists(self._host), guid)

    def _change(
        self, guid: str, name: str, digests: Manifest, change: Callable[[bytes, bytes], bytes]
    ) -> None:
        key = keys.sync_manifest(self._host, guid)
        parts = sorted(digests)
        self._redis.hset(key, NAME, name)
        for some in (parts[start : start + AT_ONCE] for start in range(0, len(parts), AT_ONCE)):
            before = self._redis.hmget(key, *map(str, some))
            pipe = self._redis.pipeline(transaction=False)
            for part, packed in zip(some, before, strict=True):
                pipe.hset(key, str(part), change(packed or b"", digests[part]))
            pipe.execute()
