"""What a sender is told for whose job Redis has no memory: what fills it most, and what really frees that.

The Smart Response stubs load this file: it needs nothing but the standard library.
"""

from __future__ import annotations

from workers.core.errors import MemoryFull, ServiceAway
from workers.ledger import keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    Explaining = Generator[list[tuple[str | bytes | int | float, ...]], list[Any], MemoryFull]

#: Said where it is not known: no upkeep runs, or our user may not read it.
NOT_KNOWN = "tqctl check says what fills it, and what frees that"

#: What a Redis that takes no writes for want of memory is said to be.
OUT_OF_MEMORY = f"Redis is out of memory: {NOT_KNOWN}"


def full(thousandths: int, then: str) -> str:
    """Say how full Redis is, and what it does not take `then`."""
    return f"{thousandths / 10:.0f} % of Redis' memory is in use and {then} (memory_percent): {NOT_KNOWN}"


def explained(error: MemoryFull) -> Explaining:
    """Return `error` with what fills Redis, where upkeep has measured that within the last minute."""
    try:
        (fills,) = yield [("GET", keys.FILLS)]
    except ServiceAway:
        return error
    text = fills.decode(errors="replace") if fills else NOT_KNOWN
    return MemoryFull("redis", str(error).replace(NOT_KNOWN, text), after=error.after)
