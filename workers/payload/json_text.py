"""The quick reader of plain JSON, many times as fast; text that is odd in any way goes to the careful reader.

It checks how deep a value is nested, and makes text that every service can take.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NoReturn

import msgspec
from msgspec import Raw

#: A payload, and its texts as `canonical` and `compact` write it, or None where only those know.
Plain = tuple[dict[str, Any], tuple[bytes, bytes] | None]


#: Bytes of values in a row that are split at a time, and elements of an array: a reference to each takes 70 bytes.
_BLOCK, _MOST_ELEMENTS = 262_144, 500_000


def split(data: bytes) -> Iterator[Raw]:
    """Yield the text of each value that stands in `data`, several in a row or an array.

    What is odd comes as one text, from where it begins to the end. Takes bounded memory beside `data`.
    """
    start, size = 0, len(data)
    try:
        if data[:1] == b"[":
            values = _array.decode(data) if data.count(b",") < _MOST_ELEMENTS else ()
            start = size if values else 0
            yield from values
        while start < size:
            end = data.find(b"\n", start + _BLOCK) + 1 or size
            block = data[start:end]
            # Of values in one long line there may be as many as it has characters.
            values = _row.decode_lines(block) if len(block) <= 2 * _BLOCK else [_row.decode(block)]
            start = end
            yield from values
    except (msgspec.DecodeError, RecursionError):
        pass
    if start < size or not size:
        yield Raw(data[start:])


def read_plain(text: Raw, *, max_bytes: int) -> Plain | None:
    """Read one object; None where the careful reader must look.

    What it returns is exactly what the careful reader would, and there is nothing to warn about.
    """
    try:
        body = _one.decode(text)
        ordered = _encode_sorted(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    as_sent = _as_sent(text, body, ordered)
    if as_sent is None or len(memoryview(text)) > max_bytes or _is_deep(ordered):
        return None
    # Beyond ASCII, and of the control character 127, `canonical` makes other texts.
    is_shared = ordered.isascii() and b"\x7f" not in ordered
    return body, (ordered, as_sent) if is_shared else None


def _as_sent(text: Raw, body: dict[str, Any], ordered: bytes) -> bytes | None:
    """Return the compact text of `body` in the sender's order; None where a key occurs twice in `text`."""
    # No value has a shorter text than the encoder's, so where it is as long, nothing was lost.
    if len(memoryview(text)) == len(ordered):
        return bytes(text)
    without_blanks = msgspec.json.format(text, indent=-1)
    if len(without_blanks) == len(ordered):
        return without_blanks
    # It has escapes that it could do without, or lost a key with its quotation marks, which are as many as before only
    # where others were escaped by their number.
    is_whole = without_blanks.count(b'"') == ordered.count(b'"') and rb"\u0022" not in without_blanks
    return _encode(body) if is_whole else None


def _is_deep(text: bytes) -> bool:
    return text.count(b"{") + text.count(b"[") > MAX_DEPTH


def _float(_: str) -> NoReturn:
    # The two encoders do not write every float alike, and equal payloads must have equal texts.
    raise msgspec.DecodeError("a float is not plain")


_array = msgspec.json.Decoder(list[Raw])

_row = msgspec.json.Decoder(Raw)

_one = msgspec.json.Decoder(dict[str, Any], float_hook=_float)

_encode = msgspec.json.Encoder().encode

_encode_sorted = msgspec.json.Encoder(order="sorted").encode

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
