"""Bytes from a producer to payloads: one, an array, one a line, or several in a row."""

from __future__ import annotations

import ast
import json
import math
import re
import time
import warnings as python_warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct

from workers.payload.json_text import MAX_DEPTH, escape_unfit, is_too_deep

#: Why a piece is no payload, for programs.
Fault = Literal["empty", "not_json", "too_large", "too_deep", "not_an_object"]


class Payload(Struct, frozen=True):
    """A JSON object from a producer, and what was odd about its text. `position` counts from 1."""

    position: int
    body: dict[str, Any]
    warnings: tuple[str, ...] = ()


class ReadingRefused(Struct, frozen=True):
    """A piece of the input that is no payload: where it stood, why, its text, and the reason in one word."""

    position: int
    reason: str
    raw: str
    code: Fault = "not_json"


#: Characters of text that the Python-literal reader looks at; its parser takes a hundred times the memory.
_LONGEST_LITERAL = 262_144

#: Refusals after which the rest of a text is refused as one.
_MOST_REFUSALS = 1_000

#: Seconds after which the rest of a text is refused: every text takes time that grows with its length, so this one is
#: far above all limits.
_MOST_SECONDS = 30.0

#: How many times its own length a text may be read over again behind faults: else one that opens something in each
#: of its lines takes the square of its length.
_MOST_READ_AGAIN = 4

_BETWEEN = re.compile(r"[\s,\x1e]*")
_BETWEEN_IN_ARRAY = re.compile(r"[\s,\x1e\]]*")
_NEXT_LINE = re.compile(r"\n(?=[{\[])")
#: Strings and brackets. One that is cut off is a string too: else each quotation mark in it is tried as a beginning.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[{}\[\]]', re.DOTALL)

_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels; flatten it"

_NO_QUOTES = (
    "not JSON: every double quotation mark is missing, so your shell has removed them; use -p @file or -p - "
    "(standard input)"
)


def read_payloads(
    data: bytes | str, *, max_bytes: int, lenient: bool = False
) -> list[Payload | ReadingRefused]:
    """Read all that `data` holds; a bad piece is refused alone and costs no good one.

    `max_bytes` is the limit of each payload. `lenient` also takes a Python literal, as the guide's
    "Dictionary" suggests; for people at a terminal only.
    """
    return list(each_payload(data, max_bytes=max_bytes, lenient=lenient))


def each_payload(
    data: bytes | str, *, max_bytes: int, lenient: bool = False
) -> Iterator[Payload | ReadingRefused]:
    """Yield what `read_payloads` returns, as it is read."""
    text, notes = _decode(data)
    if not text.strip():
        yield ReadingRefused(1, "the input is empty; send a JSON object", "", "empty")
        return
    if lenient and (literal := _read_literal(text)) is not None:
        text, note = literal
        notes.append(note)
    reader = _Reader(text, max_bytes, notes)
    try:
        yield from reader.results()
    finally:
        reader.close()


def _decode(data: bytes | str) -> tuple[str, list[str]]:
    """Decode UTF-8, UTF-16 or UTF-32, with or without byte order mark."""
    if isinstance(data, str):
        return data.removeprefix("\ufeff"), []
    encoding = json.detect_encoding(data)
    try:
        return data.decode(encoding).removeprefix("\ufeff"), []
    except UnicodeDecodeError:
        text = data.decode("utf-8", "surrogateescape")
        return text, ["the input is not valid UTF-8; the bytes concerned are kept as escapes"]


class _Reader:
    """Walks through a text of JSON values; `notes` gathers what is odd about the value in hand."""

    def __init__(self, text: str, max_bytes: int, notes: list[str]) -> None:
        self.text = text
        self.max_bytes = max_bytes
        self.general = tuple(notes)
        self.notes: list[str] = []
        self.constant = ""
        self.count = self.refused = self.read_again = 0
        self.has_lines = True
        self.ends_at = time.monotonic() + _MOST_SECONDS
        hooks: dict[str, Any] = {
            "object_pairs_hook": self._object,
            "parse_constant": self._constant,
            "parse_float": self._float,
            "parse_int": self._int,
        }
        self.strict = json.JSONDecoder(**hooks)
        self.tolerant = json.JSONDecoder(strict=False, **hooks)

    def close(self) -> None:
        """Let go of the text: the decoders and this reader name each other, and the collector comes seldom."""
        del self.strict, self.tolerant, self.text

    def results(self) -> Iterator[Payload | ReadingRefused]:
        """Yield each payload, and a refusal for each part of the text that is none."""
        text, between = self.text, _BETWEEN
        start = _end(between, text, 0)
        while start < len(text):
            if rest := self._too_faulty():
                yield self._refuse(rest, text[start:], "not_json")
                return
            opens = text[start] == "[" and between is _BETWEEN
            # An array above the limit, or one with a fault, is entered and read element by element.
            if opens and len(text) > self.max_bytes:
                value, end, reason = None, start, "too large"
            elif self._is_too_long(start):
                # Not decoded: its values would take many times the memory.
                value, end, reason = None, start + self.max_bytes, "not JSON: nothing closes it"
            else:
                value, end, reason = self._value(start)
            if opens and reason:
                between = _BETWEEN_IN_ARRAY
                start = _end(between, text, start + 1)
                continue
            if reason:
                end = self._resume(start, end)
                yield self._refuse_text(reason, text[start:end])
            else:
                yield from self._items(value, text[start:end])
            start = _end(between, text, max(end, start + 1))

    def _too_faulty(self) -> str:
        """Return why no more is read of this text, "" while it is."""
        if self.refused >= _MOST_REFUSALS:
            return f"not read: {_MOST_REFUSALS} faults stand before it"
        if time.monotonic() > self.ends_at:
            return (
                f"not read: what stands before it took more than {_MOST_SECONDS:.0f} s; send smaller messages"
            )
        if self.read_again > _MOST_READ_AGAIN * len(self.text):
            return "not read: what stands before it opens objects, arrays or texts that nothing closes"
        return ""

    def _value(self, start: int) -> tuple[Any, int, str]:
        """Return the value at `start`, its end and ""; or why there is none, and how far it was looked for."""
        self.notes = []
        value, end, reason = self._decode_at(self.strict, start)
        if reason.startswith("not JSON: Invalid control character"):
            broken, (_, _, place) = end, reason.rpartition(" at ")
            value, end, reason = self._decode_at(self.tolerant, start)
            if reason and _NEXT_LINE.match(self.text, broken + (self.text[broken] == "\r")):
                # The payload of the next line was taken for the rest of this text.
                reason = f"not JSON: the line ends within a text, at {place}"
            self.notes.append("control characters inside of a string: not strict JSON, read all the same")
        return value, end, reason

    def _decode_at(self, decoder: json.JSONDecoder, start: int) -> tuple[Any, int, str]:
        self.constant = ""
        try:
            value, end = decoder.raw_decode(self.text, start)
        except RecursionError:
            return None, self._close(start), _TOO_DEEP
        except json.JSONDecodeError as error:
            reason = f"not JSON: {error.msg.removesuffix(' at')} at line {error.lineno}, column {error.colno}"
            return None, error.pos, reason
        return value, end, self.constant

    def _items(self, value: Any, raw: str) -> Iterator[Payload | ReadingRefused]:
        if not isinstance(value, list):
            yield self._judge(value, raw)
            return
        notes = self.notes
        if not value:
            yield self._refuse("the array is empty; send at least one JSON object", raw, "empty")
        for item in value:
            self.notes = list(notes)
            yield self._judge(item, raw if len(value) == 1 else None)

    def _judge(self, value: Any, raw: str | None) -> Payload | ReadingRefused:
        if not isinstance(value, dict):
            what = type(value).__name__ if value is not None else "null"
            reason = f"a payload is a JSON object, this is {_NAMES.get(what, what)}"
            return self._refuse(reason, raw or json.dumps(value), "not_an_object")
        if raw is not None and len(raw) > self.max_bytes // 4:
            size = len(raw.encode("utf-8", "surrogatepass"))
            if size > self.max_bytes:
                return self._refuse(self._too_large(size), raw, "too_large")
        if is_too_deep(value, raw):
            return self._refuse(_TOO_DEEP, raw or json.dumps(value), "too_deep")
        self.count += 1
        return Payload(self.count, value, self.general + tuple(dict.fromkeys(self.notes)))

    def _refuse(self, reason: str, raw: str, code: Fault) -> ReadingRefused:
        self.count += 1
        self.refused += 1
        return ReadingRefused(self.count, reason, raw, code)

    def _refuse_text(self, reason: str, raw: str) -> ReadingRefused:
        """Refuse text that could not be read, for the reason that helps most."""
        size = len(raw.encode("utf-8", "surrogatepass"))
        if size > self.max_bytes:
            return self._refuse(self._too_large(size), raw, "too_large")
        if raw[0] == "{" and '"' not in raw:
            reason = _NO_QUOTES
        return self._refuse(reason, raw, "too_deep" if reason == _TOO_DEEP else "not_json")

    def _too_large(self, size: int) -> str:
        return f"{size} bytes are more than the limit of {self.max_bytes} (TQ_MAX_PAYLOAD_BYTES)"

    def _resume(self, start: int, looked_at: int) -> int:
        """Return where to read on behind the faulty value at `start`: on a new line, or after its brackets."""
        line = _NEXT_LINE.search(self.text, start) if self.has_lines else None
        self.has_lines = line is not None
        end = line.end() if line else self._close(start)
        self.read_again += max(0, looked_at - end)
        return end

    def _close(self, start: int) -> int:
        """Return where the brackets that open at `start` are closed; the text's end where they are not."""
        return self._closing(start) or len(self.text)

    def _is_too_long(self, start: int) -> bool:
        """Tell whether what opens at `start` is not closed within the limit."""
        end = start + self.max_bytes
        return end < len(self.text) and self.text[start] in "{[" and self._closing(start, end) is None

    def _closing(self, start: int, within: int | None = None) -> int | None:
        """Return where the brackets that open at `start` are closed, up to `within`; None where they are not."""
        depth = 0
        for token in _TOKEN.finditer(self.text, start, within or len(self.text)):
            mark = token[0][:1]
            depth += (mark in "{[") - (mark in "}]")
            if depth <= 0 and mark in "}]":
                return token.end()
        return None

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) != len(pairs):
            twice = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]
            self.notes.extend(
                f'the key "{escape_unfit(key)}" occurs more than once; the last one counts' for key in twice
            )
        return values

    def _constant(self, name: str) -> None:
        self.constant = self.constant or f"not JSON: {name} is no JSON number; send null or a string instead"

    def _float(self, digits: str) -> float | str:
        number = float(digits)
        if math.isfinite(number):
            return number
        self.notes.append(f"the number {digits[:40]} is too large; it is kept as text")
        return digits

    def _int(self, digits: str) -> int | str:
        if len(digits) <= 4_000:
            return int(digits)
        self.notes.append(f"a number of {len(digits)} digits is kept as text")
        return digits


_NAMES = {
    "str": "a string",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "list": "an array",
}


def _end(between: re.Pattern[str], text: str, position: int) -> int:
    match = between.match(text, position)
    return match.end() if match else position


def _read_literal(text: str) -> tuple[str, str] | None:
    """Return a Python literal as JSON text with a warning; None for anything else, and for JSON itself."""
    if len(text) > _LONGEST_LITERAL or "'" not in text:
        return None
    try:
        json.loads(text, strict=False)
    except (ValueError, RecursionError):
        pass
    else:
        return None
    try:
        with python_warnings.catch_warnings():
            python_warnings.simplefilter("ignore")
            value = ast.literal_eval(text.strip())
        if not isinstance(value, dict | list | tuple):
            return None
        return json.dumps(value, allow_nan=False), "a Python literal, not JSON: read all the same"
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
