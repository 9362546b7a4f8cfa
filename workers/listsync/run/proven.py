"""What the last run proved of a collection, in Redis: from there a delta run goes on, on whichever machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Literal

import msgspec
from msgspec import structs

from workers.ledger import sync_keys
from workers.ledger.client import RedisClient
from workers.listsync.plan.delta import Proven
from workers.listsync.plan.known_rows import KnownRow, block_of, row_in, with_row
from workers.listsync.plan.manifest import digest, pack, unpack

#: Blocks of known rows that are written at once: half a megabyte.
AT_ONCE = 256

#: Seconds for which it is kept: of a collection that is synced no more, 7 MB a million would stay for ever.
KEPT_S = 30 * 86_400

#: Digests that are kept of a list: entries of others in it, entries that more than one indicator has, and entries that
#: a small job has taken out, or put in.
Kind = Literal["others", "shared", "gone", "put"]


class ProvenState:
    """What is proven of one collection. Only its run changes it, which holds the collection's lock."""

    def __init__(self, redis: RedisClient, collection: str) -> None:
        self._redis = redis
        self._key, self._rows_key = sync_keys.proven(collection), sync_keys.rows(collection)
        #: Blocks as they were fetched: the rows that changed are looked up, and then written.
        self._fetched: dict[int, bytes] = {}

    def load(self) -> Proven | None:
        """Return it; None where nothing is proven, or by another version."""
        text = self._redis.get(self._key)
        try:
            return msgspec.json.decode(text, type=Proven) if text else None
        except (msgspec.MsgspecError, UnicodeError):
            return None

    def doubt(self, reason: str) -> None:
        """Let the next run be a full one, and say why."""
        proven = self.load()
        if proven:
            self.save(structs.replace(proven, doubt=reason))
        self._redis.delete(self._rows_key)

    def changed_at_once(self, guid: str, change: int, entries: Iterable[str], *, are_gone: bool) -> None:
        """Note by how many entries a small job has changed a list, and which it has taken out of it, or put into it."""
        proven = self.load()
        number = next((n for n, item in enumerate(proven.lists) if item.guid == guid), -1) if proven else -1
        if proven is None or number < 0 or not change:
            return
        these = {digest(entry) for entry in entries}
        gone, put = (digests - these for digests in self.digests([number], "gone", "put")[number])
        if are_gone:
            gone |= these
        else:
            put |= these
        lists = list(proven.lists)
        count = lists[number].entry_count + change
        lists[number] = structs.replace(lists[number], entry_count=count, put=len(put))
        written = digest_fields({("gone", number): gone, ("put", number): put})
        self.save(structs.replace(proven, lists=tuple(lists)), written)

    def begin(
        self, blocks: Iterable[tuple[int, bytes]], digests: Mapping[tuple[Kind, int], Iterable[bytes]]
    ) -> None:
        """Write what a full run knows of the rows; it counts once `save` has been called."""
        self._redis.delete(self._rows_key)
        waiting: dict[str, bytes] = {_field(*what): pack(set(some)) for what, some in digests.items()}
        for block, packed in blocks:
            waiting[_field("rows", block)] = packed
            if len(waiting) >= AT_ONCE:
                self._redis.hset(self._rows_key, mapping=waiting)
                waiting = {}
        if waiting:
            self._redis.hset(self._rows_key, mapping=waiting)

    def save(self, proven: Proven, written: Mapping[str, bytes] | None = None) -> None:
        """Write what is proven now, after the fields of `changed_rows` and `digest_fields`.

        If only these were written, the counts in what was proven before do not fit any more: everything is read.
        """
        if written:
            self._redis.hset(self._rows_key, mapping=written)
        pipe = self._redis.pipeline()
        pipe.set(self._key, msgspec.json.encode(proven), px=KEPT_S * 1000)
        pipe.expire(self._rows_key, KEPT_S)
        pipe.execute()

    def rows(self, ids: Iterable[int]) -> dict[int, KnownRow]:
        """Return what is known of these indicators; those that were not in the collection are absent."""
        wanted = set(ids)
        blocks = self._blocks(wanted)
        known = ((id, row_in(blocks[block_of(id)], id)) for id in wanted)
        return {id: row for id, row in known if row}

    def changed_rows(self, rows: Mapping[int, KnownRow | None]) -> dict[str, bytes]:
        """Return the fields with which these rows are known from now on, None for those that left."""
        blocks = self._blocks(rows)
        for id, row in rows.items():
            blocks[block_of(id)] = with_row(blocks[block_of(id)], id, row)
        return {_field("rows", block): packed for block, packed in blocks.items()}

    def digests(self, numbers: Iterable[int], *kinds: Kind) -> dict[int, list[frozenset[bytes]]]:
        """Return the digests that are kept of lists, of each kind; one round trip."""
        fields = {number: [_field(kind, number) for kind in kinds] for number in numbers}
        if not fields:
            return {}
        packed = iter(self._redis.hmget(self._rows_key, *chain.from_iterable(fields.values())))
        return {number: [unpack(next(packed) or b"") for _ in kinds] for number in fields}

    def _blocks(self, ids: Iterable[int]) -> dict[int, bytes]:
        """Return the blocks in which these ids lie, a few kilobytes each; every block is fetched once."""
        wanted = {block_of(id) for id in ids}
        numbers = sorted(wanted - self._fetched.keys())
        for start in range(0, len(numbers), AT_ONCE):
            some = numbers[start : start + AT_ONCE]
            packed = self._redis.hmget(self._rows_key, *(_field("rows", number) for number in some))
            self._fetched.update((number, rows or b"") for number, rows in zip(some, packed, strict=True))
        return {number: self._fetched[number] for number in wanted}


def digest_fields(digests: Mapping[tuple[Kind, int], frozenset[bytes]]) -> dict[str, bytes]:
    """Return the fields that keep these digests."""
    return {_field(kind, number): pack(some) for (kind, number), some in digests.items()}


def _field(kind: str, number: int) -> str:
    return f"{kind}:{number}"
