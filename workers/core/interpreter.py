"""The interpreter's own pauses, kept short in a process that serves for long."""

from __future__ import annotations

import gc
import sys

#: Seconds for which a thread that computes keeps the interpreter from others; a fifth of what Python itself lets it.
TURN_S = 0.001


def keep_pauses_short() -> None:
    """Take what lives for ever out of the collector's sight, and let threads take shorter turns.

    To be called once all is loaded: one look at everything stops each thread for 60 to 100 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    sys.setswitchinterval(TURN_S)
