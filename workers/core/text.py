"""Small text helpers. Imports nothing at its top, because a Smart Response command loads it for each click."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return `text` with what a terminal would obey (controls, line ends, direction marks) as escapes."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )


def short(text: str) -> str:
    """Return 16 hex characters that stand for `text`."""
    from hashlib import blake2b

    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


#: The longest wait for an outcome in seconds; a larger number is a slip of the keyboard.
MOST_SECONDS = 1e6


def seconds(text: str) -> float:
    """Return how long to wait; raises ValueError for what is no number from 0 to MOST_SECONDS."""
    number = float(text)
    if not 0 <= number <= MOST_SECONDS:
        raise ValueError(text)
    return number
