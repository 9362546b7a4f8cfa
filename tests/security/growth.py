"""How a reader's processor time grows with the length of what it is given."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

#: Characters of the shortest and the longest text; `make fuzz` goes on to 1 MiB.
SHORT, LONG = 16_384, int(os.environ.get("LONGEST_TEXT", "65536"))

#: How much more time twice the text may take. A reader that is linear takes 2, a quadratic one 4.
MOST_A_DOUBLING = 2.5

#: Seconds of processor time below which a figure says more about the machine than about the reader.
NOISE_S = 0.02

#: Measurements of which the quickest counts, where the first one looks bad.
TRIES = 3


def seconds(read: Callable[[Any], object], text: Any) -> float:
    """Return the processor time of this thread for one reading; a refusal is an answer like any other."""
    gc.disable()
    started = time.thread_time()
    try:
        with suppress(Exception):
            read(text)
        return time.thread_time() - started
    finally:
        gc.enable()


def grows_too_fast(
    read: Callable[[Any], object], make: Callable[[int], Any], *, short: int = SHORT, long: int = LONG
) -> str:
    """Return what is wrong with how `read` grows on the texts that `make` gives for a length; "" if nothing is.

    Doubles the text step by step, so that a quadratic reader is found out long before the longest text. A reader
    whose square is that of a copy (of memory, 10 GB/s) needs longer texts than the usual ones to be found out.
    """
    size, factor = short, 1.0
    first = seconds(read, make(size))
    while size < long:
        size, factor = size * 2, factor * MOST_A_DOUBLING
        text = make(size)
        taken = seconds(read, text)
        for _ in range(TRIES - 1):
            if taken > first * factor + NOISE_S:
                # Both anew, one after the other: the machine may have become slower since the first.
                first, taken = max(first, seconds(read, make(short))), min(taken, seconds(read, text))
        if taken > first * factor + NOISE_S:
            return f"{size} characters took {taken:.3f} s, {short} took {first:.3f} s"
    return ""
