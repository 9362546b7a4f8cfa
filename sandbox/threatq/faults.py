"""Bad days on request: which faults are on and which of them strike a call."""

from __future__ import annotations

import asyncio
import random
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

#: latency: wait `ms` plus up to `jitter_ms`. rate_limit: 429. error: `status`. drop_before, drop_after: close the
#: connection before the work, or after it was committed. hang: no answer until released or `seconds` have
#: passed, then the connection closes. hang_after: the same after the work was committed. bare: 200 with `{}`, as
#: without the right. unauthorized: 401.
FaultKind = Literal[
    "latency",
    "rate_limit",
    "error",
    "drop_before",
    "drop_after",
    "hang",
    "hang_after",
    "bare",
    "unauthorized",
]


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """A fault and the calls that it strikes.

    `method` and `path` are patterns with `*`; `next` is how many more calls it strikes (None: no end);
    `ratio` the share of the matching calls. `retry_after` goes into the header as it stands.
    """

    kind: FaultKind
    method: str = "*"
    path: str = "/api/*"
    next: int | None = None
    ratio: float = 1.0
    status: int = 503
    retry_after: int | str | None = None
    ms: float = 0
    jitter_ms: float = 0
    seconds: float = 600
    id: int = 0

    def matches(self, method: str, path: str) -> bool:
        """Whether a call is among those that this fault is for."""
        return fnmatchcase(method, self.method) and fnmatchcase(path, self.path)


class Faults:
    """The faults that are on, by id."""

    def __init__(self, chance: random.Random) -> None:
        self.reset(chance)

    def reset(self, chance: random.Random) -> None:
        """Switch everything off and let go of whoever hangs."""
        self.on: dict[int, Fault] = {}
        self._chance = chance
        self._last_id = 0
        self._waiting: set[asyncio.Event] = getattr(self, "_waiting", set())
        self.release()

    def add(self, fault: Fault) -> Fault:
        """Switch a fault on; it gets an id."""
        self._last_id += 1
        fault.id = self._last_id
        self.on[fault.id] = fault
        return fault

    def remove(self, id: int | None = None) -> None:
        """Switch one fault off, or all, and let go of whoever hangs."""
        if id is None:
            self.on.clear()
        self.on.pop(id or 0, None)
        self.release()

    def strike(self, method: str, path: str) -> list[Fault]:
        """The faults that this call meets, oldest first; counts those that are for a number of calls."""
        struck: list[Fault] = []
        for fault in self.on.values():
            # One end for a call; the next fault of a row waits for the next call.
            ended = fault.kind != "latency" and any(other.kind != "latency" for other in struck)
            if not ended and fault.matches(method, path) and self._hits(fault):
                struck.append(fault)
        for fault in struck:
            if fault.next is not None:
                fault.next -= 1
                if fault.next <= 0:
                    del self.on[fault.id]
        return struck

    def delay_s(self, fault: Fault) -> float:
        """How long a latency fault holds a call."""
        return (fault.ms + self._chance.random() * fault.jitter_ms) / 1000

    async def hang(self, fault: Fault) -> None:
        """Wait until released or for as long as the fault lasts."""
        released = asyncio.Event()
        self._waiting.add(released)
        try:
            async with asyncio.timeout(fault.seconds):
                await released.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting.discard(released)

    def release(self) -> None:
        """Let go of every call that hangs; its connection closes without an answer."""
        for released in self._waiting:
            released.set()

    def _hits(self, fault: Fault) -> bool:
        return fault.ratio >= 1 or self._chance.random() < fault.ratio
