"""The manifests in Redis: which lists we wrote into, and what we put into each, 16 bytes an entry."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from workers.core.text import short
from workers.ledger import sync_keys
from workers.ledger.accept import script_flow
from workers.ledger.client import RedisClient
from workers.ledger.connection import follow
from workers.ledger.scripts import Script
from workers.listsync.plan.manifest import (
    WIDTH,
    Manifest,
    digest,
    digests_of,
    unpack,
    with_added,
    with_removed,
)
from workers.listsync.plan.spill import PARTS, key_of, partition

if TYPE_CHECKING:
    from workers.ledger.accept import Word

#: Partitions that are fetched and changed in one round trip; of a list of a million entries they take 4 MB.
AT_ONCE = 8

#: Partitions that Redis itself changes in one call: 20 ms where the list has a million entries.
IN_REDIS_AT_ONCE = 16

#: Digests of one partition up to which Redis itself looks for each, in a millisecond or two where the list has a
#: million entries. A delta run changes a few of each partition, and fetching them all would take most of its time.
FEW = 32

MANIFEST = Script("manifest")

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


_NOTHING: Manifest = {}


class StoredManifest(Mapping[int, bytes]):
    """A manifest that is fetched partition by partition, since a large list's takes 16 MB.

    `more` are digests by partition that are ours and not stored there yet.
    """

    def __init__(self, redis: RedisClient, key: str, more: Manifest = _NOTHING) -> None:
        self._redis, self._key, self._more = redis, key, more

    def __getitem__(self, part: int) -> bytes:
        packed, more = self._redis.hget(self._key, str(part)), self._more.get(part, b"")
        if packed is None and not more:
            raise KeyError(part)
        return with_added(packed or b"", more) if more else packed or b""

    def __iter__(self) -> Iterator[int]:
        return (part for part in range(PARTS) if part in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Manifests:
    """What we put into the lists of one LogRhythm.

    Only the run of a list's collections changes its manifest. A value that is put into a list at once stands in a note
    beside it, until a run that began later takes it in: one that is under way may have read ThreatQ before.
    """

    def __init__(self, redis: RedisClient, host: str) -> None:
        self._redis, self._host = redis, short(host)

    def of(self, guid: str, *, before_ms: int | None = None) -> Manifest | None:
        """Return a list's manifest; None when we never wrote to it.

        Of the values that were put in at once, only those from `before_ms`, where that is given.
        """
        if not self.exists(guid):
            return None
        key = sync_keys.manifest(self._host, guid)
        return StoredManifest(self._redis, key, _by_part(self._values(guid, before_ms)))

    def exists(self, guid: str) -> bool:
        """Tell whether we ever wrote to a list, as far as Redis knows."""
        return guid in self.existing([guid])

    def existing(self, guids: Collection[str]) -> set[str]:
        """Return those of these lists that we ever wrote to, as far as Redis knows; one round trip."""
        pipe = self._redis.pipeline()
        exist = {guid: pipe.exists(sync_keys.manifest(self._host, guid)) for guid in guids}
        pipe.execute()
        return {guid for guid, reply in exist.items() if reply.value}

    def has(self, guid: str, value: str, *, caseless: bool) -> bool:
        """Tell whether we put a value, spelled so, into a list."""
        return bool(self.ours(guid, [value], caseless=caseless))

    def ours(self, guid: str, values: Collection[str], *, caseless: bool) -> set[bytes]:
        """Return the digests of those of these values, spelled so, that we put into a list."""
        return self.ours_among({guid: digests_of([list(values)], caseless=caseless)})[guid]

    def ours_among(self, wanted: Mapping[str, Manifest]) -> dict[str, set[bytes]]:
        """Return those of these digests that we put into each list, by guid; two round trips for all lists."""
        pipe = self._redis.pipeline()
        notes = {guid: pipe.hgetall(sync_keys.added(self._host, guid)) for guid in wanted}
        pipe.execute()
        keys = {guid: sync_keys.manifest(self._host, guid) for guid in wanted}
        few = {keys[guid]: _as_new(_few(digests)) for guid, digests in wanted.items()}
        known = self._in_redis("find", few)
        ours = {}
        for guid, digests in wanted.items():
            ours[guid] = {digest for packed in known.get(keys[guid], ()) for digest in unpack(packed)}
            noted = {bytes.fromhex(text.decode()) for text in notes[guid].value or {}}
            ours[guid] |= {digest for packed in digests.values() for digest in unpack(packed) & noted}
            for part, packed in _many(digests).items():
                ours[guid] |= unpack(packed) & unpack(self._redis.hget(keys[guid], str(part)) or b"")
        return ours

    def written(self) -> dict[str, WrittenList]:
        """Return every list that we wrote into, by guid."""
        index = sync_keys.lists(self._host)
        stored = self._redis.hgetall(index) or self._find_written(index)
        return {
            guid.decode(): msgspec.json.decode(text, type=WrittenList)
            for guid, text in stored.items()
            if guid != LOOKED_FOR
        }

    def _find_written(self, index: str) -> dict[bytes, bytes]:
        """Note the lists that were written before there was such a note; looks through all of Redis, once."""
        self._redis.hset(index, LOOKED_FOR.decode(), "")
        for key in list(self._redis.scan_iter(sync_keys.manifest(self._host, "*"), SCANNED_AT_ONCE)):
            name = self._redis.hget(key.decode(), NAME) or b""
            self.note(key.decode().rpartition(":")[2], WrittenList(name.decode()))
        return self._redis.hgetall(index)

    def note(self, guid: str, written: WrittenList) -> None:
        """Note that we write into a list."""
        self._redis.hset(sync_keys.lists(self._host), guid, msgspec.json.encode(written))

    def added(
        self, guid: str, name: str, digests: Manifest, *, caseless: bool = False, noted_ms: int = 0
    ) -> None:
        """Note entries as ours, and the list as one of ours; to be done before they are put into it.

        With a time, that of the run, a few of them stand in notes beside the manifest until `carried_out`.
        """
        key, few = sync_keys.manifest(self._host, guid), _few(digests) if noted_ms else _NOTHING
        pipe = self._redis.pipeline()
        pipe.hset(sync_keys.lists(self._host), guid, msgspec.json.encode(WrittenList(name, caseless)))
        pipe.hset(key, NAME, name)
        if few:
            notes = {
                each.hex(): f"{part} {noted_ms}" for part, packed in few.items() for each in unpack(packed)
            }
            pipe.hset(sync_keys.added(self._host, guid), mapping=notes)
        pipe.execute()
        self._change(key, {part: packed for part, packed in digests.items() if part not in few}, _NOTHING)

    def carried_out(self, guid: str, added: Manifest, gone: Manifest) -> None:
        """Make of the notes of `added` a part of the manifest and forget what is gone; to be done after the writes."""
        few = _few(added)
        self._change(sync_keys.manifest(self._host, guid), few, gone)
        if few:
            noted = (each.hex() for packed in few.values() for each in unpack(packed))
            self._redis.hdel(sync_keys.added(self._host, guid), *noted)

    def removed(self, guid: str, name: str, digests: Manifest) -> None:
        """Forget entries, also those that are only noted; to be done after they were taken out of the list."""
        key, noted = sync_keys.manifest(self._host, guid), self._values(guid, None)
        self._redis.hset(key, NAME, name)
        gone = (
            noted.keys() & {each.hex() for packed in digests.values() for each in unpack(packed)}
            if noted
            else ()
        )
        if gone:
            self._redis.hdel(sync_keys.added(self._host, guid), *gone)
        self._change(key, _NOTHING, digests)

    def note_value(self, guid: str, value: str, *, caseless: bool, now_ms: int) -> None:
        """Note a value as ours that is put into a list at once; to be done before it is."""
        part = partition(key_of(caseless)(value))
        self._redis.hset(sync_keys.added(self._host, guid), digest(value).hex(), f"{part} {now_ms}")

    def forget_value(self, guid: str, value: str) -> None:
        """Forget a value that was not put in after all."""
        self._redis.hdel(sync_keys.added(self._host, guid), digest(value).hex())

    def take_in(self, guid: str, name: str, *, before_ms: int, caseless: bool) -> None:
        """Make the values that were put in at once before a run began part of the manifest."""
        values = self._values(guid, before_ms)
        if values:
            self.added(guid, name, _by_part(values), caseless=caseless)
            self._redis.hdel(sync_keys.added(self._host, guid), *values)

    def _values(self, guid: str, before_ms: int | None) -> dict[str, int]:
        """Return the partitions of the values that were put in at once, by digest."""
        stored = self._redis.hgetall(sync_keys.added(self._host, guid))
        noted = {text.decode(): tuple(map(int, place.split())) for text, place in stored.items()}
        return {text: part for text, (part, ms) in noted.items() if before_ms is None or ms < before_ms}

    def forget(self, guid: str) -> None:
        """Forget a list."""
        self._redis.delete(sync_keys.manifest(self._host, guid), sync_keys.added(self._host, guid))
        self._redis.hdel(sync_keys.lists(self._host), guid)

    def _change(self, key: str, new: Manifest, gone: Manifest) -> None:
        """Put digests into a manifest and take others out; Redis itself does it where they are few."""
        parts = new.keys() | gone.keys()
        many = _many(new).keys() | _many(gone).keys()
        few = parts - many
        self._in_redis("change", {key: {part: (gone.get(part, b""), new.get(part, b"")) for part in few}})
        for some in _at_once(many, AT_ONCE):
            before = self._redis.hmget(key, *map(str, some))
            pipe = self._redis.pipeline()
            for part, packed in zip(some, before, strict=True):
                left = with_removed(packed or b"", gone[part]) if part in gone else packed or b""
                pipe.hset(key, str(part), with_added(left, new[part]) if part in new else left)
            pipe.execute()

    def _in_redis(
        self, how: Literal["find", "change"], few: Mapping[str, Mapping[int, tuple[bytes, bytes]]]
    ) -> dict[str, list[bytes]]:
        """Have Redis look for digests in manifests, or change them; return those that were there, packed, by key."""
        calls: list[tuple[str, list[Word]]] = [
            (key, [how, WIDTH, *(word for part in some for word in (part, *parts[part]))])
            for key, parts in few.items()
            for some in _at_once(parts, IN_REDIS_AT_ONCE)
        ]
        known: dict[str, list[bytes]] = {}
        if calls:
            (key, first), *others = calls
            then: list[tuple[Word, ...]] = [
                ("EVALSHA", MANIFEST.sha, 1, key, *words) for key, words in others
            ]
            answers = follow(self._redis, script_flow(MANIFEST, [key], first, then=then))
            for (key, _), answer in zip(calls, answers, strict=True):
                known.setdefault(key, []).extend(answer)
        return known


def _as_new(digests: Manifest) -> dict[int, tuple[bytes, bytes]]:
    return {part: (b"", packed) for part, packed in digests.items()}


def _at_once(numbers: Iterable[int], many: int) -> Iterator[list[int]]:
    """Yield the partitions, so many at a time."""
    parts = sorted(numbers)
    return (parts[start : start + many] for start in range(0, len(parts), many))


def _few(digests: Manifest) -> Manifest:
    return {part: packed for part, packed in digests.items() if len(packed) <= FEW * WIDTH}


def _many(digests: Manifest) -> Manifest:
    return {part: packed for part, packed in digests.items() if len(packed) > FEW * WIDTH}


def _by_part(values: Mapping[str, int]) -> Manifest:
    """Return digests (hex) packed by partition."""
    parts: dict[int, bytes] = {}
    for text, part in values.items():
        parts[part] = parts.get(part, b"") + bytes.fromhex(text)
    return parts
