"""The file of a backup is read as it was written, and whatever else it is, it is refused."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.backup.families import counted
from workers.backup.format import (
    FilePart,
    Header,
    JobPart,
    KeyPart,
    MarkersPart,
    Part,
    Reader,
    written,
)
from workers.core.errors import InputError

PARTS: list[Part] = [
    JobPart(b"0" * 24, b"1\nkind\n\xff", [b"state", b"done"], "done", 5, 0),
    KeyPart(b"{tq}:sync:manifest:a:b", "hash", 7, [b"1", b"\0" * 70_000], 1, is_last=False),
    MarkersPart("00ff", b"x" * 36),
    FilePart("tq.yaml", b"version: 1\n"),
]

WHOLE = b"".join(written(Header(1, "1.2.3", 4), PARTS, counted, Counter()))


def read(data: bytes, step: int = 65_536) -> tuple[list[Part], Counter[str]]:
    parts: list[Part] = []
    reader = Reader(parts.append)
    for start in range(0, len(data), step):
        reader.write(data[start : start + step])
    return parts, +Counter(reader.contents().counts)


@pytest.mark.parametrize("step", [1, 3, 1_000, 65_536])
def test_what_was_written_is_read_however_the_bytes_come(step: int) -> None:
    parts, counts = read(WHOLE, step)
    assert parts == PARTS
    assert counts == {"done jobs": 1, "markers": 2, "files of settings": 1}


@settings(max_examples=300)
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_no_change_of_a_byte_changes_what_is_read(place: int, change: int) -> None:
    # Some bits mean nothing to zlib: its window, and what fills up its last byte.
    try:
        parts, _ = read(WHOLE[:place] + bytes([WHOLE[place] ^ change]) + WHOLE[place + 1 :])
    except InputError:
        return
    assert parts == PARTS


@settings(max_examples=300)
@given(st.binary(), st.booleans())
def test_what_is_no_backup_is_refused(data: bytes, begins_like_it: bool) -> None:
    with pytest.raises(InputError):
        read(WHOLE[:60] + data if begins_like_it else data)


@pytest.mark.parametrize("length", range(0, len(WHOLE), 7))
def test_one_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(InputError):
        read(WHOLE[:length])
