"""What is known of the rows of a collection: packed in blocks, whatever order they were read in."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from workers.listsync.plan.known_rows import (
    BLOCK_BITS,
    NO_LIST,
    ROW_BYTES,
    KnownRow,
    RowsWriter,
    check_of,
    read_blocks,
    row_in,
    with_row,
)


def all_known(path: Path) -> dict[int, KnownRow]:
    return {id: row for block, packed in read_blocks(path) for id, row in rows_of(block, packed).items()}


def rows_of(block: int, packed: bytes) -> dict[int, KnownRow]:
    ids = range(block << BLOCK_BITS, (block + 1) << BLOCK_BITS)
    return {id: row for id in ids if (row := row_in(packed, id))}


@pytest.mark.parametrize("order", ["by id", "by ranges side by side"])
def test_rows_come_back_as_they_were_taken(order: str, tmp_path: Path) -> None:
    chance = random.Random(3)
    ids = chance.sample(range(1, 1 << 34), 20_000)
    if order == "by id":
        ids.sort()
    rows = {id: KnownRow(id % 3, check_of(f"host-{id}")) for id in ids}
    writer = RowsWriter(tmp_path / "rows")
    for start in range(0, len(ids), 500):
        page = ids[start : start + 500]
        for number in range(3):
            some = [id for id in page if id % 3 == number]
            writer.add(number, some, [f"host-{id}" for id in some])
    writer.flush()
    assert all_known(tmp_path / "rows") == rows


def test_a_writer_goes_on_where_another_process_stopped(tmp_path: Path) -> None:
    first = RowsWriter(tmp_path / "rows")
    first.add(0, [1], ["a"])
    first.flush()
    size = first.size
    first.add(0, [2], ["lost with its process"])
    first.flush()
    second = RowsWriter(tmp_path / "rows", size=size)
    second.add(NO_LIST, [3], ["\ud800"])
    second.flush()
    assert all_known(tmp_path / "rows") == {
        1: KnownRow(0, check_of("a")),
        3: KnownRow(NO_LIST, check_of("\ud800")),
    }


def test_a_row_takes_seven_bytes_and_can_be_changed_among_others() -> None:
    rows = {256 + number: KnownRow(1, number) for number in range(256)}
    packed = b""
    for id, row in rows.items():
        packed = with_row(packed, id, KnownRow(7, 7))
        packed = with_row(packed, id, row)
    assert len(packed) == ROW_BYTES * 256
    assert rows_of(1, packed) == rows
    without = with_row(packed, 300, None)
    assert rows_of(1, without) == {id: row for id, row in rows.items() if id != 300}
    assert with_row(without, 300, None) == without
