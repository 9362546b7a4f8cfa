"""The event's description: the detection's own message, whole and readable."""

from __future__ import annotations

import json
from typing import Any

import msgspec

#: How often a text may be JSON inside of a JSON string before it is shown as it stands.
_MAX_WRAPPINGS = 2


def describe(message: object, extra: dict[str, Any]) -> str:
    """Return the message, pretty where it is JSON, and below it the fields that nobody else takes."""
    parts = [_readable(message)]
    if extra:
        parts.append(f"Other fields of the payload:\n{_pretty(extra)}")
    return "\n\n".join(part for part in parts if part)


def cut(text: str, room: int) -> tuple[str, str]:
    """Return what of `text` fits into `room` characters, with a last line that says so, and the rest."""
    if len(text) <= room:
        return text, ""
    notice = "\n[The rest of {} characters is kept with the job.]"
    keep = max(room - len(notice) - len(str(len(text))), 0)
    return f"{text[:keep]}{notice.format(len(text) - keep)}"[:room], text[keep:]


def _readable(message: object) -> str:
    if message is None:
        return ""
    for _ in range(_MAX_WRAPPINGS):
        if not isinstance(message, str):
            break
        inner = _unwrapped(message)
        if inner is None:
            return message.strip()
        message = inner
    return message.strip() if isinstance(message, str) else _pretty(message)


def _unwrapped(text: str) -> object:
    """Return the object, array or text that a JSON text holds; None for any other text."""
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return None
    try:
        inner = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return inner if isinstance(inner, dict | list | str) else None


def _pretty(value: object) -> str:
    try:
        return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    except (OverflowError, UnicodeEncodeError, TypeError):
        # Numbers beyond 64 bits: the standard library writes them, ten times as slowly.
        return json.dumps(value, indent=2, ensure_ascii=False, default=str)
