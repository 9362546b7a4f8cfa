"""The fields that name indicators: `IP Address:1.2.3.4`, several of them, or bare values."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from workers.indicators.model import Indicator
from workers.indicators.parse import ONE_WORD_TYPES, Misfit, read_indicator
from workers.indicators.several import separate
from workers.indicators.types import match_type
from workers.payload.attributes import as_text, native, unescape

_HARD_BREAK = re.compile(r"~\||[\r\n]+")

_TYPED_VALUE = re.compile(r"[,;]\s{0,8}(?=([A-Za-z0-9 _.-]{2,40}):(?!//))")

_BLANK = re.compile(r"\s")

#: Types of which several may stand in one text, and those whose own values may hold a comma, too.
_SEPARABLE = ONE_WORD_TYPES | {"URL"}
_TAKES_COMMAS = ("URL", "Filename")


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
    """Take the prefix before the first `:` as a type only if it is one; `file://` is not, `URL://evil.ru` is."""
    text = unescape(text).strip().rstrip(",;").rstrip()
    if not text:
        return
    prefix, colon, rest = text.partition(":")
    kind = match_type(prefix.strip()) if colon else None
    if rest.startswith("//") and kind != "URL":
        kind = None
    if kind is None:
        yield from _from_typed(None, text)
    elif rest.strip():
        yield from _from_typed(kind, rest, text)


def _from_typed(kind: str | None, value: str, text: str = "") -> Iterator[Indicator | Unread]:
    """Read one value, or several that stand in one text; a text in which none can be read stays whole."""
    whole = read_indicator(kind, value)
    several = _several(kind, value, whole) if _may_be_several(kind, whole) else []
    if several:
        yield from several
    else:
        yield whole if isinstance(whole, Indicator) else Unread(text or value, whole.why)


def _may_be_several(kind: str | None, whole: Indicator | Misfit) -> bool:
    """Tell whether a text may be more than one value: a path or a user agent holds commas of its own."""
    if kind is not None and match_type(kind) not in _SEPARABLE:
        return False
    return isinstance(whole, Misfit) or whole.type in _TAKES_COMMAS


def _several(kind: str | None, value: str, whole: Indicator | Misfit) -> list[Indicator | Unread]:
    """Return the values of a text and its leftovers; [] where it is one value, or a sentence that names one."""
    readings = [reading for part in separate(value) for reading in _words(kind, part)]
    odd = [reading.text for reading in readings if isinstance(reading, Unread)]
    if len(readings) < 2 or len(odd) == len(readings):
        return []
    if odd and isinstance(whole, Indicator) and not (whole.type == "URL" and _BLANK.search(whole.value)):
        return []
    return [] if kind is None and any(_BLANK.search(part) for part in odd) else readings


def _words(kind: str | None, part: str) -> list[Indicator | Unread]:
    """Read one value, or its words where blanks stand between values."""
    whole, words = _read(kind, part), part.split()
    if len(words) == 1 or (isinstance(whole, Indicator) and whole.type != "URL"):
        return [whole]
    readings = [_read(kind, word) for word in words]
    good = [item for item in readings if isinstance(item, Indicator) and item.type in _SEPARABLE]
    enough = 1 if kind is not None and match_type(kind) in ONE_WORD_TYPES else len(words)
    return readings if len(good) >= enough else [whole]


def _read(kind: str | None, text: str) -> Indicator | Unread:
    """Read one of several values; anything is a URL by its type, so that one of several must look like it, too."""
    is_url = kind is not None and match_type(kind) == "URL"
    reading = read_indicator(None if is_url else kind, text)
    if isinstance(reading, Misfit):
        return Unread(text, reading.why)
    return Unread(text, "it is not a valid URL") if is_url and reading.type != "URL" else reading
