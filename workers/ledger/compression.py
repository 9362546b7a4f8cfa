"""zlib for processes that live long: where Intel's library is there, the same format in a third of the time."""

from __future__ import annotations

from workers.ledger.accept import COMPRESSION

try:
    from isal.isal_zlib import compress as _compress
except ImportError:
    # Not a wheel for every platform; the standard library writes the same format.
    from zlib import compress as _compress


def compress(data: bytes) -> bytes:
    """Return `data` compressed; any zlib reads it."""
    return bytes(_compress(data, COMPRESSION))
