"""JSON by the part of Python's `json` that is written in C: the whole costs a Smart Response stub 7 ms each click.

What it writes and reads is what `json` does; where Python lacks that part, `json` does it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def write(value: Any, *, sort_keys: bool = False, item: str = ",", key: str = ":") -> str:
    """Write `value` as JSON text in ASCII; `item` and `key` are what stands behind an item and behind a key.

    Raises TypeError for what JSON has not.
    """
    encoder = _make_encoder(None, _refuse, _in_ascii, None, key, item, sort_keys, False, True)
    return "".join(encoder(value, 0))


def read(text: str) -> Any:
    """Read JSON text; raises ValueError."""
    text = text.strip(_BLANKS)
    try:
        value, end = _scan(text, 0)
    except StopIteration as error:
        raise ValueError("this is no JSON") from error
    if end != len(text):
        raise ValueError("more follows the JSON")
    return value


#: What JSON may have around a value.
_BLANKS = " \t\n\r"


class _Reading:
    """How the scanner reads: as `json.loads` does."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int, parse_constant = float, int, float


def _refuse(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} has no JSON")


def _c_part() -> tuple[Any, Any, Any]:
    """Return what makes an encoder, what writes a text, and what reads a value at a place of a text."""
    try:
        from _json import encode_basestring_ascii, make_encoder, make_scanner
    except ImportError:
        import json

        return _encoding(json), None, json.JSONDecoder().raw_decode
    made: Any = make_scanner
    return make_encoder, encode_basestring_ascii, made(_Reading)


def _encoding(json: Any) -> Any:
    """Return a maker of encoders that takes what the one in C does."""

    def make(
        _seen: Any, default: Any, _text: Any, _indent: Any, key: str, item: str, sort: bool, *_: bool
    ) -> Any:
        return json.JSONEncoder(default=default, separators=(item, key), sort_keys=sort).iterencode

    return make


_make_encoder, _in_ascii, _scan = _c_part()
