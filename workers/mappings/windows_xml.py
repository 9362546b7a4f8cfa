"""Windows events as XML: each becomes the object that collectors make of it where they send JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.parsers import expat

#: Levels of an event; what is deeper is none.
_DEEPEST = 32

_START = re.compile(rb"<Event[\s>]")
_END = b"</Event>"

#: What may stand around events, and what such data begins with.
_AROUND = re.compile(rb"<\?xml[^<>]{0,200}>|</?Events(?:\s[^<>]{0,200})?>|\xef\xbb\xbf")
_BEGINS = re.compile(rb"(?:\s{0,64}(?:%b)){0,3}\s{0,64}<Event[\s>]" % _AROUND.pattern)


class _NoEvent(Exception):
    """It is no event: it declares a type of document, or is too deep."""


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
    reading = _Reading()
    try:
        reading.parser.Parse(text, True)
    except (expat.ExpatError, ValueError, _NoEvent):
        return None
    return reading.top if isinstance(reading.top.get("Event"), dict) else None


def _rest(part: bytes) -> Iterator[tuple[bytes, None]]:
    if part := _AROUND.sub(b"", part).strip():
        yield part, None


class _Reading:
    """Builds the object of each element once it ends; `levels` are those that are open, with attributes and text."""

    def __init__(self) -> None:
        self.top: dict[str, Any] = {}
        self.levels: list[tuple[dict[str, Any], dict[str, str], list[str]]] = [(self.top, {}, [])]
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text
        self.parser.StartDoctypeDeclHandler = self.refuse

    def refuse(self, *_: Any) -> None:
        """End the reading: a type of document may declare what makes megabytes of a few bytes."""
        raise _NoEvent

    def start(self, _name: str, attributes: dict[str, str]) -> None:
        """Open an element."""
        if len(self.levels) > _DEEPEST:
            raise _NoEvent
        attributes.pop("xmlns", None)
        self.levels.append(({}, attributes, []))

    def text(self, text: str) -> None:
        """Keep the text of an element."""
        self.levels[-1][2].append(text)

    def end(self, name: str) -> None:
        """Put an element into the one around it: `<Data Name="X">` as X, several of one name as a list."""
        inside, attributes, texts = self.levels.pop()
        name = attributes.pop("Name", name) if name == "Data" else name
        text = "".join(texts).strip()
        value: Any = text
        if inside or attributes:
            own = {"#attributes": attributes} if attributes else {}
            value = {**inside, **own, **({"#text": text} if text else {})}
        around = self.levels[-1][0]
        if name not in around:
            around[name] = value
        elif isinstance(around[name], list):
            around[name].append(value)
        else:
            around[name] = [around[name], value]
