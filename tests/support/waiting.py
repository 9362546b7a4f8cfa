"""Waiting for a condition, with a bound, instead of sleeping in hope."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], *, within_s: float = 10.0, every_s: float = 0.01) -> T:
    """Return the first true value of `condition`; fail when there is none within `within_s` seconds."""
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {within_s} s: {condition}"
        time.sleep(every_s)
    return value
