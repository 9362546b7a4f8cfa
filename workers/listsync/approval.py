"""An approval as a ceiling: it lets through what was held and shown, and never anything more."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from workers.listsync.batches import Batches, BatchWriter
from workers.listsync.manifest import Manifest, digest, unpack
from workers.listsync.spill import key_of, partition


class Approval(Struct, frozen=True):
    """The deletes of one list that a person let through, as digests by partition."""

    list: str
    deletes: Manifest


def within(deletes: Batches, approved: Manifest, path: Path, *, caseless: bool) -> Batches:
    """Return the deletes of a new plan that were approved; they go into the file `path`.

    `diff` writes deletes partition by partition, so that one partition of the approval is held at a time.
    """
    kept, key = BatchWriter(path), key_of(caseless)
    at, allowed = -1, frozenset[bytes]()
    for values in deletes.read():
        for value in values:
            part = partition(key(value))
            if part != at:
                at, allowed = part, unpack(approved.get(part, b""))
            if digest(value) in allowed:
                kept.add(value)
    return kept.close()
