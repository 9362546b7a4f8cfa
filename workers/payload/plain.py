"""The quick way for plain JSON, many times as fast; text that is odd in any way goes to the careful reader."""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec
from msgspec import Struct

from workers.payload.shape import MAX_DEPTH


class Plain(Struct, frozen=True):
    """A payload, and its texts as `canonical` and `compact` write it, or None where only those know."""

    body: dict[str, Any]
    texts: tuple[bytes, bytes] | None


def read_plain(data: bytes, *, max_bytes: int) -> list[Plain] | None:
    """Read one object, several in a row, or an array of them; None where the careful reader must look.

    What it returns is exactly what the careful reader would, and there is nothing to warn about.
    """
    try:
        bodies = _decode(data)
        texts = [_encode(body) for body in bodies]
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if not bodies or not _as_sent(data, texts) or any(_is_deep(text) for text in texts):
        return None
    if len(data) > max_bytes and any(len(text) > max_bytes // 4 for text in texts):
        return None
    return [Plain(body, _texts(body, text)) for body, text in zip(bodies, texts, strict=True)]


def _decode(data: bytes) -> list[dict[str, Any]]:
    if data[:1] == b"[":
        return _array.decode(data)
    try:
        return [_one.decode(data)]
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return _one.decode_lines(data)


def _as_sent(data: bytes, texts: list[bytes]) -> bool:
    """Say whether nothing got lost: a key that occurs twice leaves fewer quotation marks behind."""
    return data.count(b'"') == sum(text.count(b'"') for text in texts)


def _is_deep(text: bytes) -> bool:
    return text.count(b"{") + text.count(b"[") > MAX_DEPTH


def _texts(body: dict[str, Any], text: bytes) -> tuple[bytes, bytes] | None:
    # Beyond ASCII, and of the control character 127, the two encoders make different texts.
    return (_encode_sorted(body), text) if text.isascii() and b"\x7f" not in text else None


def _float(_: str) -> NoReturn:
    # The two encoders do not write every float alike, and equal payloads must have equal texts.
    raise msgspec.DecodeError("a float is not plain")


_one = msgspec.json.Decoder(dict[str, Any], float_hook=_float)
_array = msgspec.json.Decoder(list[dict[str, Any]], float_hook=_float)
_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode
