"""The rows of a collection as a run proved them: of each indicator the list that it is in, and a check of its entry.

A row costs 7 bytes: a delta run asks about a thousand indicators among a million, and must know of each whether it was
in the collection, and where its entry lies.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import lt
from pathlib import Path

import msgspec
from msgspec import Struct

#: A block holds the ids that share all but their last 8 bits.
BLOCK_BITS = 8

#: The number that stands for no list: the indicator is in the collection, and nothing that a list takes.
NO_LIST = 0xFFFF

#: Offset in the block, number of the list, check of the entry.
_ROW = struct.Struct("<BHI")

#: Bytes that a row takes.
ROW_BYTES = _ROW.size

#: Rows that wait in memory before they are written.
_WAITING = 16_384

_SIZE = struct.Struct("<I")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[int, bytes, bytes]).decode


class KnownRow(Struct, frozen=True, gc=False):
    """Where an indicator's entry lies, `list` being the list's number, and the check of that entry."""

    list: int
    check: int = 0


def check_of(entry: str) -> int:
    """Return the check that shows whether an indicator still has the entry that it had."""
    return zlib.crc32(entry.encode("utf-8", "surrogatepass"))


def block_of(id: int) -> int:
    """Return the number of the block in which an id lies."""
    return id >> BLOCK_BITS


def row_in(packed: bytes, id: int) -> KnownRow | None:
    """Return the row of an id in its block; None where it has none."""
    place = _place(packed, id)
    return None if place is None else KnownRow(*_ROW.unpack_from(packed, place)[1:])


def with_row(packed: bytes, id: int, row: KnownRow | None) -> bytes:
    """Return a block in which the row of an id is this one, None for no row."""
    place = _place(packed, id)
    rest = packed if place is None else packed[:place] + packed[place + ROW_BYTES :]
    return rest + _ROW.pack(_offset(id), row.list, row.check) if row else rest


def _place(packed: bytes, id: int) -> int | None:
    """Return where in a block the row of an id begins."""
    number = packed[::ROW_BYTES].find(_offset(id))
    return None if number < 0 else number * ROW_BYTES


def _offset(id: int) -> int:
    return id & ((1 << BLOCK_BITS) - 1)


def _checks_of(entries: Sequence[str]) -> list[int]:
    """Return the check of each entry: `check_of`, written out for speed."""
    try:
        return list(map(zlib.crc32, map(str.encode, entries)))
    except UnicodeEncodeError:
        return list(map(check_of, entries))


class RowsWriter:
    """Takes the rows of a collection while it is gathered, and brings them to a file; `size` is where it goes on."""

    def __init__(self, path: Path, *, size: int = 0) -> None:
        self._path = path
        self._waiting: defaultdict[int, tuple[array[int], array[int]]] = defaultdict(
            lambda: (array("Q"), array("I"))
        )
        self._count = 0
        if size and path.exists():
            with path.open("r+b") as file:
                file.truncate(size)
        else:
            path.unlink(missing_ok=True)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self._path.stat().st_size if self._path.exists() else 0

    def add(self, number: int, ids: Sequence[int], entries: Sequence[str]) -> None:
        """Take rows of one list with their entries; "" are those of rows of no list (NO_LIST)."""
        known_ids, checks = self._waiting[number]
        known_ids.extend(ids)
        checks.extend(_checks_of(entries))
        self._count += len(ids)
        if self._count >= _WAITING:
            self.flush()

    def flush(self) -> None:
        """Bring to disk what waits in memory."""
        if not self._count:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            for number, (ids, checks) in self._waiting.items():
                body = _encode((number, ids.tobytes(), checks.tobytes()))
                file.write(_SIZE.pack(len(body)) + body)
        self._waiting.clear()
        self._count = 0


def read_blocks(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield every block of what a RowsWriter wrote, packed; 8 bytes a row are in memory at once."""
    blocks: defaultdict[int, bytearray] = defaultdict(bytearray)
    for number, ids, checks in _frames(path):
        packed, start = _packed(number, ids, checks), 0
        while start < len(ids):
            block = block_of(ids[start])
            end = bisect_left(ids, (block + 1) << BLOCK_BITS, start)
            blocks[block] += packed[start * ROW_BYTES : end * ROW_BYTES]
            start = end
    yield from ((block, bytes(packed)) for block, packed in blocks.items())


def _packed(number: int, ids: Sequence[int], checks: Sequence[int]) -> bytearray:
    """Return the rows of one list beside each other: `_ROW`, byte by byte of all of them for speed."""
    count = len(ids)
    two, fours = number.to_bytes(2, "little"), struct.pack(f"<{count}I", *checks)
    offsets = bytes([id & 0xFF for id in ids])
    columns = (offsets, two[:1] * count, two[1:] * count, *(fours[byte::4] for byte in range(4)))
    rows = bytearray(count * ROW_BYTES)
    for place, column in enumerate(columns):
        rows[place::ROW_BYTES] = column
    return rows


def _frames(path: Path) -> Iterator[tuple[int, Sequence[int], Sequence[int]]]:
    """Yield number of the list, ids and checks of what was written at once, in the order of the ids."""
    if not path.exists():
        return
    with path.open("rb") as file:
        while head := file.read(_SIZE.size):
            number, packed_ids, packed_checks = _decode(file.read(_SIZE.unpack(head)[0]))
            ids, checks = array("Q", packed_ids), array("I", packed_checks)
            if all(map(lt, ids, islice(ids, 1, None))):
                yield number, ids, checks
            else:
                # Ranges of a collection are read side by side.
                pairs = sorted(zip(ids, checks, strict=True))
                yield number, [id for id, _ in pairs], [check for _, check in pairs]
