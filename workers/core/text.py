"""Texts as people read and write them; light, because a Smart Response command loads it for each click."""

from __future__ import annotations

import time

#: The longest wait for an outcome in seconds; a larger number is a slip of the keyboard.
MOST_SECONDS = 1e6


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


def moment(at_ms: float | None) -> str:
    """Return a time in ms since 1970 as UTC to the second, "" for None."""
    return "" if at_ms is None else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at_ms / 1000))


def age(seconds: float) -> str:
    """Return a length of time in its one or two largest units, such as 2 h 5 min."""
    whole = max(0, int(seconds))
    for unit, length, smaller, part in (
        ("d", 86_400, "h", 3_600),
        ("h", 3_600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if whole >= length:
            rest = whole % length // part
            return f"{whole // length} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def size(count: float) -> str:
    """Return a count of bytes as people say it, such as 1.5 MB."""
    for unit in ("B", "kB", "MB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def linked(pattern: bytes | None, id_: int) -> str:
    """Return the address of an object, by the pattern of such addresses; "" where either is not known."""
    return pattern.decode().replace("{id}", str(id_)) if pattern and id_ else ""


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, such as 1 job or 2,000 jobs; `plural` "": the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def seconds(text: str) -> float:
    """Return how long to wait; raises ValueError for what is no number from 0 to MOST_SECONDS."""
    number = float(text)
    if not 0 <= number <= MOST_SECONDS:
        raise ValueError(text)
    return number
