"""How deep a value is nested, and text that every service can take."""

from __future__ import annotations

import re
from typing import Any

#: Levels of nesting that a payload may have; deeper ones would exhaust the stack of some reader on the way.
MAX_DEPTH = 64

_UNFIT = re.compile("[\x00\ud800-\udfff]")


def is_too_deep(value: Any, text: str | None = None) -> bool:
    """Say whether `value` is nested deeper than MAX_DEPTH; few brackets in `text`, its JSON, settle it."""
    if text is not None and text.count("{") + text.count("[") <= MAX_DEPTH:
        return False
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _contents(outer)]
        if not level:
            return False
    return any(isinstance(rest, dict | list) for rest in level)


def _contents(value: Any) -> Any:
    if isinstance(value, dict):
        return [inner for inner in value.values() if isinstance(inner, dict | list)]
    return [inner for inner in value if isinstance(inner, dict | list)] if isinstance(value, list) else []


def escape_unfit(text: str) -> str:
    r"""Write NUL and lone surrogates, which no database takes, as `\u0000` and the like."""
    if text.isprintable():
        return text
    return _UNFIT.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def escape_all(value: Any) -> Any:
    """Return `value` with every string in it, keys too, passed through `escape_unfit`."""
    if isinstance(value, str):
        return escape_unfit(value)
    if isinstance(value, dict):
        return {escape_all(key): escape_all(inner) for key, inner in value.items()}
    return [escape_all(inner) for inner in value] if isinstance(value, list) else value
