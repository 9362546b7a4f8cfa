"""The JSON Schema of a payload in the guide's dialect, for editors and for validation on the way, as in NiFi."""

from __future__ import annotations

from typing import Any

from workers.payload.screening import ALLOW

#: What each field of a payload means to a sender.
MEANINGS = {
    "event_name": "Title of the event; required.",
    "event_type": "ThreatQ's name of the event type; required.",
    "event_happened_at": "ISO 8601, or seconds or milliseconds since 1970; absent: now.",
    "event_source": "Source of the event; absent: the connector's name.",
    "event_attributes": "`name<|value~|name<|value`, an object, or a list.",
    "uri_source": "Indicators as `Type:value`, several with `~|` between, or a list.",
    "uri_source_attributes": "Attributes of the indicators in uri_source.",
    "uri_target": "Like uri_source.",
    "uri_target_attributes": "Like uri_source_attributes.",
    "identity": "Identities, by name.",
    "malware": "Malware, by name.",
    "syslog_message": "The detection's own record; becomes the description.",
}

#: A text that is not blank, or a number, which is taken as text.
_TEXT: dict[str, Any] = {"anyOf": [{"type": "string", "pattern": r"\S"}, {"type": "number"}]}

_TIME: dict[str, Any] = {"type": ["string", "number", "null"]}


def payload_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12): what it takes is accepted, but for a time that no reader understands.

    Fields that it does not name are allowed, and shown in the event's description.
    """
    types = {"event_name": _TEXT, "event_type": _TEXT, "event_happened_at": _TIME, ALLOW: {}}
    fields = {
        **MEANINGS,
        ALLOW: "Known-good values that become indicators all the same, where a setting permits it.",
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Events Builder payload",
        "type": "object",
        "required": ["event_name", "event_type"],
        "properties": {name: {**types.get(name, {}), "description": text} for name, text in fields.items()},
    }
