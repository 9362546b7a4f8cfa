"""One source of messages into the ledger: take, put, done, for as long as the bridge runs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Protocol

from producers.bridge.forwarder import Forwarder, Stopped
from producers.bridge.sources import MessageSource
from producers.bridge.suspects import MOST_TIMES, Suspects


class Deferred(Protocol):
    """Where messages wait whose sender is slowed down."""

    def keep(self, waits: Mapping[bytes, float]) -> None:
        """Let messages wait for so many seconds each; raises ServiceAway("redis")."""


def forward(
    source: MessageSource,
    forwarder: Forwarder,
    deferred: Deferred,
    suspects: Suspects,
    stopping: threading.Event,
) -> None:
    """Forward what `source` holds until the bridge is stopped; take no more while the ledger takes none."""
    try:
        while not stopping.is_set():
            forwarder.until_done(lambda: _step(source, forwarder, deferred, suspects))
    except Stopped:
        pass
    source.close()


def _step(source: MessageSource, forwarder: Forwarder, deferred: Deferred, suspects: Suspects) -> None:
    taken = source.take()
    waits: dict[bytes, float] = {}
    if taken.messages:
        counts = suspects.counts(taken.messages)
        if any(counts):
            for message, count in zip(taken.messages, counts, strict=True):
                waits |= _forward_alone(message, count, source.name, forwarder, suspects)
        else:
            waits = forwarder(taken.messages, source=source.name)
    deferred.keep(waits)
    if taken.messages or taken.ids:
        source.done(taken)


def _forward_alone(
    message: bytes, count: int, source: str, forwarder: Forwarder, suspects: Suspects
) -> dict[bytes, float]:
    if count >= MOST_TIMES:
        forwarder.set_aside(message, source)
        suspects.clear(message)
        return {}
    if count:
        suspects.begin(message, count)
    read = forwarder.read([message])
    if count:
        # It has done no harm; what comes now may take long and is not its fault.
        suspects.clear(message)
    return forwarder.put(read, source)
