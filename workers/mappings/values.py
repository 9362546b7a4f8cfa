"""What a value of a document is: nothing, or a text."""

from __future__ import annotations

from typing import Any


def is_empty(value: Any) -> bool:
    """Tell whether a value counts as none: null, "", [] or {}."""
    return value is None or (not value and not isinstance(value, int | float))


def is_missing(value: Any) -> bool:
    """Tell whether a value counts as none where another may stand in: empty, or the dash of logs."""
    return value == "-" or is_empty(value)


def text_of(value: Any) -> str | None:
    """Return a text, a number or a truth value as text, of a list of one what it holds; None for all else."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else None
