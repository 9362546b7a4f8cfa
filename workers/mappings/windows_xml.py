"""Windows events as XML: each becomes the object that collectors make of it where they send JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from workers.mappings.xml_text import read_xml

_START = re.compile(rb"<Event[\s>]")
_END = b"</Event>"

#: What may stand around events, and what such data begins with.
_AROUND = re.compile(rb"<\?xml[^<>]{0,200}>|</?Events(?:\s[^<>]{0,200})?>|\xef\xbb\xbf")
_BEGINS = re.compile(rb"(?:\s{0,64}(?:%b)){0,3}\s{0,64}<Event[\s>]" % _AROUND.pattern)

#: Where collectors keep the attributes of an element.
_ATTRIBUTES = "#attributes"


def is_windows_xml(data: bytes) -> bool:
    """Tell whether what was sent is Windows events as XML, by its beginning."""
    return bool(_BEGINS.match(data))


def windows_events(data: bytes) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
    """Yield each event and its document, and what else stands between them with None."""
    end = 0
    while match := _START.search(data, end):
        yield from _rest(data[end : match.start()])
        end = data.find(_END, match.start()) + len(_END)
        if end < len(_END):
            end = len(data)
        event = data[match.start() : end]
        yield event, read_event(event.decode(errors="replace"))
    yield from _rest(data[end:])


def read_event(text: str) -> dict[str, Any] | None:
    """Return an event as an object; None for what is no XML, or no event alone."""
    document = read_xml(text, attributes=_ATTRIBUTES)
    return document if document and "Event" in document else None


def _rest(part: bytes) -> Iterator[tuple[bytes, None]]:
    if part := _AROUND.sub(b"", part).strip():
        yield part, None
