"""An approval as a ceiling: it lets through what was held and shown, and never anything more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from workers.listsync.batches import Batches, BatchWriter
from workers.listsync.spill import key_of, partition


def within(deletes: Batches, approved: Batches, path: Path, *, caseless: bool) -> Batches:
    """Return the deletes of a new plan that an approved one held as well.

    Both were written by `diff`, so both stand in the same order and are merged without holding either.
    """
    kept = BatchWriter(path)
    key = key_of(caseless)

    def ordered(batches: Batches) -> Iterator[tuple[int, str]]:
        return ((partition(key(value)), value) for values in batches.read() for value in values)

    ceiling = ordered(approved)
    highest = next(ceiling, None)
    for delete in ordered(deletes):
        while highest is not None and highest < delete:
            highest = next(ceiling, None)
        if highest == delete:
            kept.add(delete[1])
    return kept.close()
