"""Values as people read them: times, ages, counts, and text from outside made visible."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

#: Control characters, the marks that turn the direction of writing, and halves of surrogate pairs.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def visible(value: Any) -> Any:
    """Return text in which nothing hides or reorders itself; what is no plain text stays as it is."""
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", value) if type(value) is str else value


def moment(ms: int) -> str:
    """Return a time in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def clock(ms: int) -> str:
    """Return the hour and minute in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M")


def iso(ms: int) -> str:
    """Return a time for programs."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def age(seconds: float) -> str:
    """Return a length of time in its one or two largest units."""
    whole = max(0, int(seconds))
    for unit, size, smaller, small in (
        ("d", 86_400, "h", 3_600),
        ("h", 3_600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def count(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def pretty(value: Any) -> str:
    """Return a value as JSON for people."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
