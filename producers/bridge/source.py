"""What every source of the bridge has: a name, messages by the batch, and a way to say that they are done."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from producers.bridge.hand_over import HandOver, Stopped

#: Messages that are taken at a time under load.
MOST_MESSAGES = 200

#: Seconds that a source may let us wait for its first message, so that a stop is heard soon.
BLOCK_S = 1


class Taken(Struct, frozen=True):
    """Messages of one source, and the names by which the source knows them."""

    messages: Sequence[bytes]
    ids: Sequence[bytes] = ()


class Source(Protocol):
    """Something that messages come from; its methods raise ServiceAway("redis")."""

    name: str

    def take(self) -> Taken:
        """Return the next messages, those that were not done yet first; none after BLOCK_S without one."""

    def done(self, taken: Taken) -> None:
        """Forget messages that are in the ledger or the quarantine."""

    def close(self) -> None:
        """Give back what was taken and is not done."""


def drain(source: Source, hand_over: HandOver, stopping: threading.Event) -> None:
    """Hand over what `source` holds until the bridge is stopped; take no more while the ledger takes none."""
    try:
        while not stopping.is_set():
            hand_over.until_done(lambda: _step(source, hand_over))
    except Stopped:
        pass
    source.close()


def _step(source: Source, hand_over: HandOver) -> None:
    taken = source.take()
    if taken.messages:
        hand_over(taken.messages, source=source.name)
    if taken.messages or taken.ids:
        source.done(taken)
