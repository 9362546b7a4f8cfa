"""zlib for processes that live long: where Intel's library is there, the same format in a third of the time."""

from __future__ import annotations

try:
    from isal.isal_zlib import compress as _compress

    #: Its quickest: a third of the time of its next one, whose buffer empties the processor's cache, and one fifth
    #: larger on the guide's payload.
    _LEVEL = 0
except ImportError:
    # Not a wheel for every platform; the standard library writes the same format.
    from zlib import compress as _compress

    from workers.ledger.accept import COMPRESSION as _LEVEL


def compress(data: bytes) -> bytes:
    """Return `data` compressed; any zlib reads it."""
    return bytes(_compress(data, _LEVEL))
