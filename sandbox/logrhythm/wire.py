"""A list with its items as the JSON that LogRhythm sends, written in pieces."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import AsyncIterator, Iterator

import msgspec

from sandbox.logrhythm.store import StoredList

#: Items in one piece of the answer: about 500 kB, so a million items never stand in memory as JSON.
ITEMS_A_CHUNK = 2_000

#: What JSON must escape; a block of values without it is written as it is.
_SPECIAL = re.compile(r'["\\\x00-\x1f]')


async def pieces(stored: StoredList, *, cut_at: int = 0, drop: bool = False) -> AsyncIterator[bytes]:
    """Yield the answer to `GET /lists/{guid}/`: the summary, then `items` unless there are none.

    With `cut_at`, only so many bytes; `drop` then fails, so that the server cuts the connection.
    """
    left = cut_at or sys.maxsize
    for piece in written(stored):
        yield piece[:left]
        left -= len(piece)
        if left <= 0:
            break
    if left <= 0 and drop:
        raise ConnectionAbortedError("the sandbox hangs up in the middle of a list")


def written(stored: StoredList) -> Iterator[bytes]:
    """Yield what `pieces` yields, outside of an event loop."""
    summary = msgspec.json.encode(stored.answer())
    values = list(stored.values)
    if not values:
        yield summary
        return
    yield summary[:-1] + b',"items":['
    for start in range(0, len(values), ITEMS_A_CHUNK):
        separator = "," if start else ""
        yield (separator + ",".join(_texts(stored, values[start : start + ITEMS_A_CHUNK]))).encode()
    yield b"]}"


def _texts(stored: StoredList, block: list[str]) -> list[str]:
    if _SPECIAL.search("".join(block)) or not stored.unusual.keys().isdisjoint(block):
        return [msgspec.json.encode(stored.item(value)).decode() for value in block]
    before, between, after = _frame(stored)
    return [f"{before}{value}{between}{value}{after}" for value in block]


def _frame(stored: StoredList) -> tuple[str, str, str]:
    """Return what stands before, between and after the two places of an ordinary item's value."""
    data_type, item_type = (json.dumps(name) for name in stored.shape)
    return (
        '{"displayValue":"',
        '","expirationDate":null,"isExpired":false,"isListItem":false,"isPattern":false,'
        f'"listItemDataType":{data_type},"listItemType":{item_type},"value":"',
        '"}',
    )
