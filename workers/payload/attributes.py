"""The attribute grammar: `name<|value~|name<|value`, where a `!` escapes a separator that is meant as text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from workers.indicators.model import Attribute
from workers.payload.json_text import is_too_deep

#: Name under which text is kept that stands where an attribute should, but is none.
UNPARSED = "Unparsed Attribute"

_ESCAPED = re.compile(r"([~<])!(!*)\|")


def unescape(text: str) -> str:
    """Take one `!` out of every escaped separator (`~!|`, `<!!|`); any other text comes back as it is."""
    return _ESCAPED.sub(r"\1\2|", text) if "!|" in text else text


def read_attributes(value: object, *, field: str) -> tuple[list[Attribute], list[str]]:
    """Read attributes from the grammar, or from native JSON; return them with the warnings.

    Takes a text, an object of names and values, or a list of texts or of `{name, value}`. Text that does
    not parse is kept under the name UNPARSED.
    """
    attributes: list[Attribute] = []
    warnings: list[str] = []
    pairs = ((name.strip(), text.strip()) for name, text in _pairs(value, field, warnings))
    for name, text in pairs:
        if not text:
            if name:
                warnings.append(f'{field}: the attribute "{name[:80]}" has no value and is dropped')
        elif not name:
            warnings.append(f'{field}: "{text[:80]}" has no name; kept as the attribute "{UNPARSED}"')
            attributes.append(Attribute(UNPARSED, text))
        else:
            attributes.append(Attribute(name, text))
    return list(dict.fromkeys(attributes)), warnings


def as_text(value: object) -> str:
    """Write a JSON value as an attribute's text; true and false are Yes and No, as in ThreatQ's own apps."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return (
        str(value) if isinstance(value, int | float) else json.dumps(value, ensure_ascii=False, default=str)
    )


def native(value: object) -> object:
    """Return what a JSON text holds: NiFi's AttributesToJSON sends nested JSON as a string.

    Text that is nested too deep for the readers behind this one stays text.
    """
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        inner = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return inner if isinstance(inner, dict | list) and not is_too_deep(inner, value) else value


def _pairs(value: object, field: str, warnings: list[str]) -> Iterable[tuple[str, str]]:
    if isinstance(value, str) and "<|" not in value:
        value = native(value)
    if value is None:
        return []
    if isinstance(value, str):
        return _split(value, field, warnings)
    if isinstance(value, dict):
        return _from_object(value)
    if isinstance(value, list):
        return [pair for item in value for pair in _from_item(item, field, warnings)]
    return [("", as_text(value))]


def _split(text: str, field: str, warnings: list[str]) -> list[tuple[str, str]]:
    """Cut at `~|`, then at the first `<|`; a segment without `<|` belongs to the value before it."""
    groups: list[list[str]] = []
    for segment in text.split("~|"):
        if "<|" in segment or not groups:
            groups.append([segment])
        elif segment.strip():
            groups[-1].append(segment)
            warnings.append(f'{field}: "{segment[:80]}" has no "<|"; kept with the value before it')
    pairs = []
    for group in groups:
        whole = "~|".join(group)
        name, mark, value = whole.partition("<|")
        pairs.append((unescape(name), unescape(value)) if mark else ("", unescape(whole)))
    return pairs


def _from_object(value: dict[str, Any]) -> Iterable[tuple[str, str]]:
    for name, inner in value.items():
        for item in inner if isinstance(inner, list) else [inner]:
            yield str(name), as_text(item)


def _from_item(item: object, field: str, warnings: list[str]) -> Iterable[tuple[str, str]]:
    if isinstance(item, str):
        return _split(item, field, warnings)
    if isinstance(item, dict):
        if "name" in item and item.keys() <= {"name", "value"}:
            inner = item.get("value")
            name = as_text(item["name"])
            return [(name, as_text(entry)) for entry in (inner if isinstance(inner, list) else [inner])]
        return _from_object(item)
    return [("", as_text(item))]
