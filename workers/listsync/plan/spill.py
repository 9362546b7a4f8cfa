"""Entries spilled to disk in partitions, so that memory holds a part of them at a time.

Measured with one million SHA-256 values against one million (`benchmarks/list_diff.py`): partitions take
2 s of CPU and 25 MB, two Python sets 1 s and 340 MB, sorted 8-byte digests 4 s and 80 MB, SQLite 18 s.
"""

from __future__ import annotations

import os
import struct
import zlib
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import repeat
from pathlib import Path

import msgspec

from workers.core.errors import TqError

#: Into how many files one side of a list is spilled: a million entries become files of 31,000.
#: The manifest is cut the same way, so another number makes every stored manifest unreadable.
PARTS = 32

#: Entries of a list that wait in memory; 16,384 x 100 bytes are under two megabytes a list.
WAITING = 16_384

#: Name of the file with the entries.
ENTRIES = "entries"

#: What entries without ranks have.
_NO_RANKS = repeat(0)

_SIZE = struct.Struct("<I")
_PART_AND_SIZE = struct.Struct("<BI")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[list[str], bytes]).decode

_CUT_SHORT = "{} is cut short; the run that wrote it was stopped: start it again"


def partition(key: str) -> int:
    """Return the partition of an entry, the same in every process and on every machine."""
    return zlib.crc32(key.encode("utf-8", "surrogatepass")) % PARTS


def partitions(values: Collection[str], key: Callable[[str], str]) -> list[int]:
    """Return the partition of each entry: `partition` of its key, written out for speed."""
    keys = values if key is as_is else map(key, values)
    try:
        return [crc % PARTS for crc in map(zlib.crc32, map(str.encode, keys))]
    except UnicodeEncodeError:
        return [partition(key(value)) for value in values]


def as_is(value: str) -> str:
    """Return the value: the key of entries whose capitals matter."""
    return value


def key_of(caseless: bool) -> Callable[[str], str]:
    """Return the function that gives two spellings of one entry one key."""
    return str.lower if caseless else as_is


def write_frame(path: Path, values: list[str], ranks: array[int]) -> None:
    """Append values and their ranks (8 bytes each) to a file."""
    body = _encode((values, ranks.tobytes()))
    with path.open("ab") as file:
        file.write(_SIZE.pack(len(body)) + body)


def read_frames(path: Path) -> Iterator[tuple[list[str], array[int]]]:
    """Yield what was appended, in order; a missing file holds nothing."""
    if not path.exists():
        return
    with path.open("rb") as file:
        while head := file.read(_SIZE.size):
            length = _SIZE.unpack(head)[0] if len(head) == _SIZE.size else -1
            body = file.read(length) if length >= 0 else b""
            if len(body) != length:
                raise TqError(_CUT_SHORT.format(path))
            values, ranks = _decode(body)
            yield values, array("Q", ranks)


class Spill:
    """One side of a list on disk: entries with a rank, cut into partitions by their key.

    Entries may be given in any order and more than once. Short lists stay in memory until `close`, after
    which another process can open the folder with the `count` and `size` that were reached; without a count it
    starts anew. One file holds all partitions, a frame for each at a time: opening 32 files would cost more than
    writing them.
    """

    def __init__(
        self, folder: Path, *, caseless: bool = False, count: int = 0, size: int | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.key = key_of(caseless)
        #: Entries given, repetitions included.
        self.count = count
        self._path = folder / ENTRIES
        self._waiting = 0
        self._values: list[list[str]] = [[] for _ in range(PARTS)]
        self._ranks: list[array[int]] = [array("Q") for _ in range(PARTS)]
        if not count:
            # A run that was killed may have left its entries here; they are not those of this run.
            self._path.unlink(missing_ok=True)
        elif size is not None:
            # Nor is what was written after the moment that is gone on from, perhaps half a frame.
            os.truncate(self._path, size)
        self._places = self._found()

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self._path.stat().st_size if self._path.exists() else 0

    def extend(self, values: Iterable[str], ranks: Iterable[int] = _NO_RANKS) -> None:
        """Take entries with their ranks, or without any, as a list in LogRhythm has them.

        Those of a higher rank are kept when a list is full. A hundred or more at a time cost a quarter of what they
        cost one by one.
        """
        values = list(values)
        lists, rank_lists = self._values, self._ranks
        for part, value, rank in zip(partitions(values, self.key), values, ranks, strict=False):
            lists[part].append(value)
            rank_lists[part].append(rank)
        self.count += len(values)
        self._waiting += len(values)
        if self._waiting >= WAITING:
            self.close()

    def close(self) -> None:
        """Bring to disk what still waits in memory, and free that."""
        if not self._waiting:
            return
        with self._path.open("ab") as file:
            for part, values in enumerate(self._values):
                if values:
                    self._places[part].append(file.tell())
                    body = _encode((values, self._ranks[part].tobytes()))
                    file.write(_PART_AND_SIZE.pack(part, len(body)) + body)
                    self._values[part], self._ranks[part] = [], array("Q")
        self._waiting = 0

    def values(self, part: int) -> set[str]:
        """Return the distinct entries of one partition, as they are spelled."""
        distinct: set[str] = set()
        for values, _ in self._frames(part):
            distinct.update(values)
        return distinct

    def ranked(self, part: int) -> dict[str, int]:
        """Return the distinct entries of one partition, each with the highest rank it was given."""
        best: dict[str, int] = {}
        count = 0
        for values, ranks in self._frames(part):
            best.update(zip(values, ranks, strict=True))
            count += len(values)
        return best if len(best) == count else self._highest(part)

    def repeated(self) -> Iterator[str]:
        """Yield every entry that was given more than once."""
        for part in range(PARTS):
            seen: set[str] = set()
            again: set[str] = set()
            for values, _ in self._frames(part):
                for value in values:
                    (again if value in seen else seen).add(value)
            yield from sorted(again)

    def _highest(self, part: int) -> dict[str, int]:
        best: dict[str, int] = {}
        for values, ranks in self._frames(part):
            for value, rank in zip(values, ranks, strict=True):
                best[value] = max(rank, best.get(value, 0))
        return best

    def _frames(self, part: int) -> Iterator[tuple[list[str], array[int]]]:
        if self._places[part]:
            with self._path.open("rb") as file:
                for place in self._places[part]:
                    file.seek(place)
                    _, length = _PART_AND_SIZE.unpack(file.read(_PART_AND_SIZE.size))
                    values, ranks = _decode(file.read(length))
                    yield values, array("Q", ranks)
        yield self._values[part], self._ranks[part]

    def _found(self) -> list[list[int]]:
        """Return where the frames of each partition begin, of what is on disk already."""
        places: list[list[int]] = [[] for _ in range(PARTS)]
        if not self._path.exists():
            return places
        end, place = self.size, 0
        with self._path.open("rb") as file:
            while head := file.read(_PART_AND_SIZE.size):
                part, length = _PART_AND_SIZE.unpack(head) if len(head) == _PART_AND_SIZE.size else (0, end)
                places[part].append(place)
                place = file.seek(length, 1)
        if place > end:
            raise TqError(_CUT_SHORT.format(self._path))
        return places
