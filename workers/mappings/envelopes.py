"""Envelopes: what exports, queues and APIs put around the documents that they send."""

from __future__ import annotations

from typing import Any

import msgspec

#: Where an envelope holds its documents, the likeliest first: Azure's exports, Microsoft Graph, AWS, Okta's hooks.
_LISTS = (
    "records", "value", "Records", "data.events", "events", "hits.hits", "Findings", "findings", "alerts", "items",
    "resources", "results", "entries", "logs", "data", "Events",
)  # fmt: skip

#: Where it holds one, as an object or as JSON text: Amazon SNS, Splunk's collector, Elasticsearch, EventBridge.
_SINGLE = ("Message", "event", "_source", "detail", "message", "result", "payload", "body", "data")


def contents(document: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Return what a document holds if it is an envelope: for each way to see it as one, the documents inside."""
    ways = [_objects(_at(document, path)) for path in _LISTS]
    ways += [_objects([_read(document.get(field))]) for field in _SINGLE]
    return [way for way in ways if way]


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
    if not isinstance(value, str) or value[:1] != "{":
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return None
