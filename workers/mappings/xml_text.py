"""XML as an object: what logs and exports hold where others send JSON."""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

#: Levels of elements; what is deeper is no record of a log.
_DEEPEST = 32

#: The field of an element that holds its text beside others.
TEXT = "#text"


class _Unreadable(Exception):
    """It declares a type of document, or is too deep."""


def read_xml(text: str, *, attributes: str = "") -> dict[str, Any] | None:
    """Return the one element that a text is, under its name; None for what is no XML, or an element with text alone.

    Its attributes become fields like the elements inside of it, or, where `attributes` is given, fields of that one.
    """
    reading = _Reading(attributes)
    try:
        reading.parser.Parse(text, True)
    except (expat.ExpatError, ValueError, _Unreadable):
        return None
    return reading.top if all(isinstance(value, dict) for value in reading.top.values()) else None


class _Reading:
    """Builds the object of each element once it ends; `levels` are those that are open, with attributes and text."""

    def __init__(self, attributes: str) -> None:
        self.attributes = attributes
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
        raise _Unreadable

    def start(self, _name: str, attributes: dict[str, str]) -> None:
        """Open an element."""
        if len(self.levels) > _DEEPEST:
            raise _Unreadable
        own = {name: value for name, value in attributes.items() if not name.startswith(("xmlns", "xsi:"))}
        self.levels.append(({}, own, []))

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
            own = {self.attributes: attributes} if self.attributes and attributes else attributes
            value = {**own, **inside, **({TEXT: text} if text else {})}
        around = self.levels[-1][0]
        if name not in around:
            around[name] = value
        elif isinstance(around[name], list):
            around[name].append(value)
        else:
            around[name] = [around[name], value]
