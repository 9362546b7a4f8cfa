"""How long a thread on which others wait may work at mappings, before what it does is begun again by another one."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import thread_time


class OutOfTime(Exception):
    """Others wait for this thread: what it did so far is to be done again by one for which nothing waits."""


class _Limit(threading.local):
    """When the work of this thread ends, in seconds of its processor time."""

    ends_s = math.inf


_limit = _Limit()


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Have the work inside end by OutOfTime once this thread has spent so many seconds of processor time on it."""
    _limit.ends_s = thread_time() + seconds
    try:
        yield
    finally:
        _limit.ends_s = math.inf


def is_limited() -> bool:
    """Tell whether others wait for this thread."""
    return _limit.ends_s < math.inf


def look_at_clock() -> float:
    """Return the processor time of this thread; raises OutOfTime once others have waited long enough for it."""
    spent_s = thread_time()
    if spent_s > _limit.ends_s:
        raise OutOfTime
    return spent_s
