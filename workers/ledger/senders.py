"""Senders whose jobs keep being refused: each is slowed down alone, and told why.

The Smart Response stubs load this file: it needs nothing but the standard library.
"""

from __future__ import annotations

from workers.core.errors import SlowedDown


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


def read_sender(name: str, value: bytes, now_ms: int) -> SlowedSender:
    """Read what is kept of a sender; one whose wait is over has none left."""
    refused, until, _, reason = value.decode(errors="replace").split(" ", 3)
    return SlowedSender(name, int(refused), max(0, int(until) - now_ms) / 1000, reason)


def slowed_down(name: str, value: bytes, now_ms: int) -> SlowedDown:
    """Return the error that tells a sender why nothing is accepted from it, and for how long."""
    sender = read_sender(name, value, now_ms)
    return SlowedDown("redis", sender.said, after=sender.wait_s)


def sender_name(producer: str, sender: str = "") -> str:
    """Return how a sender is called where several send through one producer."""
    return f"{producer} {sender}".rstrip()
