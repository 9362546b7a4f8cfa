"""Senders whose jobs keep being refused: each is slowed down alone, and told why.

The Smart Response stubs load this file: it needs nothing but the standard library.
"""

from __future__ import annotations

from workers.core.errors import SlowedDown
from workers.ledger import keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from workers.ledger.accept import Flow


class SlowedSender:
    """A sender from whom nothing is accepted for `wait_s` seconds, as its last `refused` jobs were."""

    __slots__ = ("name", "reason", "refused", "wait_s")

    def __init__(self, name: str, refused: int, wait_s: float, reason: str) -> None:
        self.name, self.refused, self.wait_s, self.reason = name, refused, wait_s, reason

    @property
    def said(self) -> str:
        """The same as a sentence."""
        return (
            f"the last {self.refused} jobs of {self.name} were refused, so the next is accepted in "
            f"{self.wait_s:.0f} s; correct what is sent. The last reason: {self.reason}"
        )


def read_sender(name: str, value: bytes, now_ms: int) -> SlowedSender | None:
    """Return what is held against a sender, None where it may send."""
    refused, until, _, reason = value.decode(errors="replace").split(" ", 3)
    wait_s = (int(until) - now_ms) / 1000
    return SlowedSender(name, int(refused), wait_s, reason) if wait_s > 0 else None


def sender_name(producer: str, sender: str = "") -> str:
    """Return how a sender is called where several send through one producer."""
    return f"{producer} {sender}".rstrip()


def check_flow(name: str) -> Flow[None]:
    """Raise SlowedDown while what a sender sends keeps being refused."""
    value, (seconds, micros) = yield [("HGET", keys.SENDERS, name), ("TIME",)]
    if value:
        check(name, value, int(seconds) * 1000 + int(micros) // 1000)


def check(name: str, value: Any, now_ms: int) -> None:
    """Raise SlowedDown where `value`, what is held against a sender, says that it shall wait."""
    slowed = read_sender(name, value, now_ms)
    if slowed:
        raise SlowedDown("redis", slowed.said, after=slowed.wait_s)
