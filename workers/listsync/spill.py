"""Entries spilled to disk in partitions, so that memory holds a part of them at a time.

Measured with one million SHA-256 values against one million (`benchmarks/list_diff.py`): partitions take
2 s of CPU and 25 MB, two Python sets 1 s and 340 MB, sorted 8-byte digests 4 s and 80 MB, SQLite 18 s.
"""

from __future__ import annotations

import os
import struct
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from workers.errors import TqError

#: Into how many files one side of a list is spilled: a million entries become files of 31,000.
#: The manifest is cut the same way, so another number makes every stored manifest unreadable.
PARTS = 32

#: Entries that wait in memory for each partition: 32 x 256 x 100 bytes are under a megabyte a list.
WAITING = 256

_SIZE = struct.Struct("<I")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[list[str], bytes]).decode


def partition(key: str) -> int:
    """Return the partition of an entry, the same in every process and on every machine."""
    return zlib.crc32(key.encode("utf-8", "surrogatepass")) % PARTS


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


def read_frames(path: Path, skip: int = 0) -> Iterator[tuple[list[str], array[int]]]:
    """Yield what was appended, in order, without the first `skip` frames; a missing file holds nothing."""
    if not path.exists():
        return
    with path.open("rb") as file:
        while head := file.read(_SIZE.size):
            length = _SIZE.unpack(head)[0] if len(head) == _SIZE.size else -1
            if skip > 0:
                skip -= 1
                file.seek(length, 1)
                continue
            body = file.read(length) if length >= 0 else b""
            if len(body) != length:
                raise TqError(f"{path} is cut short; the run that wrote it was stopped: start it again")
            values, ranks = _decode(body)
            yield values, array("Q", ranks)


class Spill:
    """One side of a list on disk: entries with a rank, cut into partitions by their key.

    Entries may be given in any order and more than once. Short lists stay in memory until `close`, after
    which another process can open the folder with the `count` that was reached; without one it starts anew.
    """

    def __init__(self, folder: Path, *, caseless: bool = False, count: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if not count:
            # A run that was killed may have left its entries here; they are not those of this run.
            for leftover in folder.glob("part-*"):
                leftover.unlink()
        self.folder = folder
        self.key = key_of(caseless)
        #: Entries given, repetitions included.
        self.count = count
        self._values: list[list[str]] = [[] for _ in range(PARTS)]
        self._ranks: list[array[int]] = [array("Q") for _ in range(PARTS)]

    def add(self, value: str, rank: int = 0) -> None:
        """Take one entry; a higher rank is kept rather than a lower one when a list is full."""
        part = partition(self.key(value))
        values = self._values[part]
        values.append(value)
        self._ranks[part].append(rank)
        self.count += 1
        if len(values) >= WAITING:
            self._flush(part)

    def extend(self, values: Iterable[str]) -> None:
        """Take entries without a rank, as a list in LogRhythm has them."""
        for value in values:
            self.add(value)

    def close(self) -> None:
        """Bring to disk what still waits in memory, and free that."""
        for part in range(PARTS):
            if self._values[part]:
                self._flush(part)

    def sizes(self) -> list[int]:
        """Return the bytes on disk of each partition; what is appended later can be cut off again."""
        return [path.stat().st_size if path.exists() else 0 for path in map(self._path, range(PARTS))]

    def cut_back(self, sizes: list[int]) -> None:
        """Cut each partition to its bytes at an earlier moment, so that no half-written frame stays."""
        for part, size in enumerate(sizes):
            if self._path(part).exists():
                os.truncate(self._path(part), size)

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

    def _highest(self, part: int) -> dict[str, int]:
        best: dict[str, int] = {}
        for values, ranks in self._frames(part):
            for value, rank in zip(values, ranks, strict=True):
                best[value] = max(rank, best.get(value, 0))
        return best

    def _frames(self, part: int) -> Iterator[tuple[list[str], array[int]]]:
        yield from read_frames(self._path(part))
        yield self._values[part], self._ranks[part]

    def _path(self, part: int) -> Path:
        return self.folder / f"part-{part:02}"

    def _flush(self, part: int) -> None:
        write_frame(self._path(part), self._values[part], self._ranks[part])
        self._values[part] = []
        self._ranks[part] = array("Q")
