"""Envelopes: what exports, queues and APIs put around the documents that they send."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from workers.core.errors import InputError
from workers.mappings.apply import MOST_EVENTS, OUTER
from workers.mappings.lines import LINE, is_marked
from workers.mappings.model import Mapping
from workers.mappings.syslog import fields_of

#: Where an envelope holds its documents, the likeliest first: Azure's exports, Microsoft Graph, AWS, Okta's hooks.
_LISTS = (
    "records", "value", "Records", "data.events", "events", "hits.hits", "Findings", "findings", "alerts", "items",
    "resources", "results", "entries", "logs", "data", "Events",
)  # fmt: skip

#: Where it holds one, as an object, as JSON text or as a line of a log: Amazon SNS, Splunk's collector, Elasticsearch,
#: EventBridge, shippers of logs.
_SINGLE = (
    "Message", "event", "_source", "detail", "message", "result", "payload", "body", "data", "msg", "MESSAGE",
    "SyslogMessage", "log", "raw", "_raw", "rawLog", "raw_log", "raw_message", "rawMessage", "rawEvent", "raw_event",
    "full_message", "original", "textPayload",
)  # fmt: skip


#: Returns the mapping that is for a document.
Choose = Callable[[dict[str, Any]], Mapping | None]


def opened(document: dict[str, Any], choose: Choose) -> list[dict[str, Any]]:
    """Return the documents in an envelope, [] for what is none: one that holds nothing that a mapping is for.

    Raises InputError for more documents than one may hold.
    """
    for inside in _ways(document):
        if len(inside) > MOST_EVENTS:
            raise InputError(
                f"{len(inside)} documents in one are more than {MOST_EVENTS}; send them in parts"
            )
        if any(map(choose, inside)):
            return inside
    return []


def with_line(document: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the line that a document holds as a text, the others below `outer`; itself for none."""
    for field in _SINGLE:
        if isinstance(text := document.get(field), str) and (inside := fields_of(text)):
            others = {name: value for name, value in document.items() if name != field}
            return {**inside, OUTER: others} if others else inside
    return document


def _ways(document: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Yield, for each way to see a document as an envelope, the documents inside."""
    ways = (_objects(_at(document, path)) for path in _LISTS)
    yield from filter(None, ways)
    yield from filter(None, (_objects([_read(document.get(field))]) for field in _SINGLE))


def _at(document: dict[str, Any], path: str) -> Any:
    value: Any = document
    for field in path.split("."):
        value = value.get(field) if isinstance(value, dict) else None
    return value


def _objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects that a list consists of, [] where it holds anything else."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return []
    return value


def _read(value: Any) -> Any:
    """Return what a text holds: an object as JSON, or the fields of a line; None for words, no text as it is."""
    if not isinstance(value, str):
        return value
    if value[:1] != "{":
        return {LINE: value} if is_marked(value) else fields_of(value)
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
