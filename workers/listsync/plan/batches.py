"""The changes of one list on disk, cut as LogRhythm takes them: one frame, one call."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator
from hashlib import blake2b
from itertools import repeat
from pathlib import Path

import msgspec
from msgspec import Struct

from workers.listsync.plan.spill import read_frames, write_frame

#: Entries in one call to LogRhythm; public clients send no more, and more is not known to work.
BATCH = 1_000

#: Entries shown with a plan.
SAMPLES = 5

_encode = msgspec.msgpack.Encoder().encode


class Batches(Struct, frozen=True):
    """Entries in a file: how many, the digest of them all, and the first few."""

    path: str = ""
    count: int = 0
    digest: str = ""
    samples: tuple[str, ...] = ()

    @property
    def calls(self) -> int:
        """How many calls carry them."""
        return -(-self.count // BATCH)

    def read(self) -> Iterator[list[str]]:
        """Yield the entries of one call after the other."""
        for values, _ in self.ranked():
            yield values

    def ranked(self) -> Iterator[tuple[list[str], array[int]]]:
        """Yield the entries of one call after the other with their ranks."""
        if self.path:
            yield from read_frames(Path(self.path))


class BatchWriter:
    """Writes entries to a file; the same entries in the same order give the same digest."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._path = path
        self._values: list[str] = []
        self._ranks: array[int] = array("Q")
        self._count = 0
        self._hash = blake2b(digest_size=16)
        self._samples: list[str] = []

    def add(self, value: str, rank: int = 0) -> None:
        """Take one entry."""
        self.extend((value,), (rank,))

    def extend(self, values: Collection[str], ranks: Iterable[int] | None = None) -> None:
        """Take entries with their ranks; without any, all have rank 0."""
        self._values.extend(values)
        self._ranks.extend(repeat(0, len(values)) if ranks is None else ranks)
        while len(self._values) >= BATCH:
            self._flush()

    def close(self) -> Batches:
        """Finish the file and return what stands in it."""
        if self._values:
            self._flush()
        if not self._count:
            return Batches()
        return Batches(str(self._path), self._count, self._hash.hexdigest(), tuple(self._samples))

    def _flush(self) -> None:
        values, ranks = self._values[:BATCH], self._ranks[:BATCH]
        write_frame(self._path, values, ranks)
        self._count += len(values)
        self._samples += values[: SAMPLES - len(self._samples)]
        self._hash.update(_encode(values))
        del self._values[:BATCH], self._ranks[:BATCH]
