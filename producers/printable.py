"""Text from outside, made harmless for a terminal. Imports nothing, because the Smart Response commands use it."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return `text` with what a terminal would obey (controls, line ends, direction marks) as escapes."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )
