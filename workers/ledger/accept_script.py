"""The script that accepts jobs, for users of Redis who may run scripts.

A Smart Response stub calls Redis' function instead, and loads this only where Redis lacks that.
"""

from __future__ import annotations

from functools import cache

from workers.ledger import keys
from workers.ledger.scripts import Script
from workers.ledger.wake_up import MOST_WAKE_UPS, wake_up

ACCEPT = Script("accept", "writes", "memory", "markers")
ACCEPT_WHEN_FULL = Script("accept", "writes", "memory", "markers", when_full=True)

_PREFIX = keys.PREFIX.encode()


def opening(
    queue: str, most_open: int, most_memory: int, relief_jobs: int, *, atomic: bool
) -> tuple[Script, list[bytes], list[bytes | int]]:
    """Return the script, its keys, and its arguments before those of the jobs; `most_memory` is in thousandths."""
    names, wake_up_text = _constants(queue)
    script = ACCEPT_WHEN_FULL if relief_jobs else ACCEPT
    limits = (most_open, MOST_WAKE_UPS, wake_up_text, most_memory, relief_jobs)
    return script, names, [_PREFIX, *limits, int(atomic)]


@cache
def _constants(queue: str) -> tuple[list[bytes], bytes]:
    """Return what is the same in every call for a queue, encoded once: the script's keys and the wake-up."""
    names = (keys.due(queue), keys.wake_ups(queue), keys.COUNTS, keys.MEMORY)
    return [name.encode() for name in names], wake_up(queue).encode()
