"""The fields that name indicators: `IP Address:1.2.3.4`, several of them, or bare values."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from workers.indicators.model import Indicator
from workers.indicators.parse import ONE_WORD_TYPES, Misfit, read_indicator
from workers.indicators.types import match_type
from workers.payload.attributes import as_text, native, unescape

_HARD_BREAK = re.compile(r"~\||[\r\n]+")

_TYPED_VALUE = re.compile(r"[,;]\s{0,8}(?=([A-Za-z0-9 _.-]{2,40}):(?!//))")

_WORD_BREAK = re.compile(r"[,;\s]+")


class Unread(Struct, frozen=True):
    """A text in such a field that became no indicator, and why."""

    text: str
    why: str


def read_uris(value: object) -> list[Indicator | Unread]:
    """Read every indicator that a `uri_source` or `uri_target` holds.

    Takes a text, a list of texts, or `{type, value}` objects; null and blanks are none.
    """
    value = native(value)
    if value is None:
        return []
    if isinstance(value, list):
        return [reading for item in value for reading in read_uris(item)]
    if isinstance(value, dict):
        return list(_from_object(value))
    return [reading for text in _texts(as_text(value)) for reading in _from_text(text)]


def _from_object(value: dict[str, object]) -> Iterator[Indicator | Unread]:
    if not value:
        return
    kind, inner = value.get("type"), value.get("value")
    if value.keys() <= {"type", "value"} and isinstance(kind, str | None) and isinstance(inner, str):
        if inner.strip():
            yield from _from_typed(kind, inner)
    else:
        yield Unread(as_text(value), "an indicator is an object with the texts `type` and `value`")


def _texts(text: str) -> Iterator[str]:
    """Split at `~|` and line ends, and at `,` or `;` only where a known type follows."""
    for part in _HARD_BREAK.split(text):
        start = 0
        for match in _TYPED_VALUE.finditer(part):
            if match_type(match[1].strip()):
                yield part[start : match.start()]
                start = match.end()
        yield part[start:]


def _from_text(text: str) -> Iterator[Indicator | Unread]:
    """Take the prefix before the first `:` as a type only if it is one; `file://` is not."""
    text = unescape(text).strip().rstrip(",;").rstrip()
    if not text:
        return
    prefix, colon, rest = text.partition(":")
    kind = match_type(prefix.strip()) if colon and not rest.startswith("//") else None
    if kind is None:
        yield from _from_typed(None, text)
    elif rest.strip():
        yield from _from_typed(kind, rest, text)


def _from_typed(kind: str | None, value: str, text: str = "") -> Iterator[Indicator | Unread]:
    """Read one value, or several where their type holds no blanks; fragments of nothing stay whole."""
    whole = read_indicator(kind, value)
    if isinstance(whole, Indicator):
        yield whole
        return
    parts = [part for part in _WORD_BREAK.split(value) if part]
    if kind is None and isinstance(read_indicator(None, parts[0] if parts else ""), Misfit):
        parts = []
    readings = [read_indicator(kind, part) for part in parts] if kind is None or _one_word(kind) else []
    good = [item for item in readings if isinstance(item, Indicator) and item.type in ONE_WORD_TYPES]
    if not good or (kind is None and len(good) < len(parts)):
        yield Unread(text or value, whole.why)
        return
    for part, reading in zip(parts, readings, strict=True):
        yield Unread(part, reading.why) if isinstance(reading, Misfit) else reading


def _one_word(kind: str) -> bool:
    return match_type(kind) in ONE_WORD_TYPES
