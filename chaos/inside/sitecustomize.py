"""Runs at the start of a worker of a scenario: shifts its clock, or lets one payload kill it.

Python imports a module of this name from PYTHONPATH by itself, so that nothing in the product knows of it.
"""

from __future__ import annotations

import datetime
import os
import signal
import time
import zlib
from typing import Any

SHIFT_S = float(os.environ.get("CHAOS_CLOCK_S", "0"))
DEADLY = os.environ.get("CHAOS_DEADLY", "").encode()


class ShiftedDatetime(datetime.datetime):
    """A datetime whose `now` is wrong."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> ShiftedDatetime:
        """Return the time of a clock that is wrong."""
        return cls.fromtimestamp(time.time(), tz)


def _shift_the_clock() -> None:
    real = time.time
    vars(time)["time"] = lambda: real() + SHIFT_S
    vars(datetime)["datetime"] = ShiftedDatetime


def _let_one_payload_kill() -> None:
    real = zlib.decompress

    def decompress(data: bytes, *arguments: Any) -> bytes:
        text: bytes = real(data, *arguments)
        if DEADLY in text:
            os.killpg(0, signal.SIGKILL)
        return text

    vars(zlib)["decompress"] = decompress


if SHIFT_S:
    _shift_the_clock()
if DEADLY:
    _let_one_payload_kill()
