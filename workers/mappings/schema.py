"""The JSON Schema of a mapping file, for editors: what it refuses the reader refuses, at the same place."""

from __future__ import annotations

from typing import Any

from workers.mappings.expressions import DOCUMENT
from workers.mappings.reading import (
    FIELDS,
    LET_NAME,
    LISTS,
    MOST_NUMBER,
    NAME,
    NEEDED,
    NEEDED_FIELDS,
    TEXTS,
    TOP,
)

#: What each entry of the file means to its author, and each of `fields`.
_MEANINGS = {
    "name": "As the file is called: small letters, digits and dashes.",
    "version": "Raised with each correction.",
    "title": "What people call the format; the event's source where `source` is absent.",
    "match": "Whether the mapping is for a document; what cannot be worked out counts as no.",
    "priority": "Which is tried first where several match: the highest, then by name.",
    "each": "One document with several events: the objects of which each becomes one.",
    "keep": "With `each`: what each object keeps of the document around it, as `outer`.",
    "let": "Values with a name, in order: `$name` in what follows; `$document` is the document.",
    "fields": "What each part of the event is made of.",
    "event_name": "Title of the event.",
    "event_type": "ThreatQ's name of the event type.",
    "event_happened_at": "A time in any notation; else the time of receipt.",
    "source": "Source of the event; else the mapping's title.",
    "severity": "A text; also the attribute Severity.",
    "description": "The event's description; else the whole document.",
    "group_by": "Texts that are equal in two firings of the same thing.",
    "identity": "Persons, each a text or a list.",
    "malware": "Malware, by name.",
    "assets": "Host names and addresses of ours.",
    "attributes": "Attributes of the event: a name and its expressions.",
    "sources": "Indicators that something came from.",
    "source_attributes": "Attributes of each indicator of `sources`.",
    "targets": "Indicators that were contacted, asked for or run.",
    "target_attributes": "Attributes of each indicator of `targets`.",
}

_Schema = dict[str, Any]


def mapping_schema() -> _Schema:
    """Return the schema (draft 2020-12). The reader refuses more: expressions, names twice, and another file name."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Mapping of tq-workers",
        "type": "object",
        "properties": _described(TOP, _TOP_SHAPES),
        "required": [*NEEDED],
        "dependentRequired": {"keep": ["each"]},
        "additionalProperties": False,
        "$defs": {
            "expression": {"type": "string", "pattern": r"\S", "description": "A JMESPath expression."},
            "expressions": {"anyOf": [_EXPRESSION, {"type": "array", "items": _EXPRESSION}]},
            "named": {"type": "object", "additionalProperties": {"$ref": "#/$defs/expressions"}},
            "indicator": {"anyOf": [_EXPRESSION, _TYPED]},
            "indicators": {
                "anyOf": [
                    {"$ref": "#/$defs/indicator"},
                    {"type": "array", "items": {"$ref": "#/$defs/indicator"}},
                ]
            },
        },
    }


def _described(names: tuple[str, ...], shapes: dict[str, _Schema]) -> dict[str, _Schema]:
    return {name: {**shapes[name], "description": _MEANINGS[name]} for name in names}


_EXPRESSION: _Schema = {"$ref": "#/$defs/expression"}

#: An indicator whose type does not come from its form.
_TYPED: _Schema = {
    "type": "object",
    "properties": {"type": _EXPRESSION, "value": _EXPRESSION},
    "required": ["value"],
    "additionalProperties": False,
}

_EXPRESSIONS, _NAMED, _INDICATORS = (
    {"$ref": f"#/$defs/{name}"} for name in ("expressions", "named", "indicators")
)

_FIELD_SHAPES: dict[str, _Schema] = {
    **dict.fromkeys(TEXTS, _EXPRESSION),
    **dict.fromkeys(LISTS, _EXPRESSIONS),
    **dict.fromkeys(("attributes", "source_attributes", "target_attributes"), _NAMED),
    **dict.fromkeys(("sources", "targets"), _INDICATORS),
}

_TABLE: _Schema = {"type": "object", "additionalProperties": _EXPRESSION}

_TOP_SHAPES: dict[str, _Schema] = {
    "name": {"type": "string", "pattern": f"^{NAME.pattern}$"},
    "version": {"type": "integer", "minimum": 1, "maximum": MOST_NUMBER},
    "title": {"type": ["string", "number", "boolean"], "pattern": r"\S"},
    "match": _EXPRESSION,
    "priority": {"type": "integer", "minimum": -MOST_NUMBER, "maximum": MOST_NUMBER},
    "each": _EXPRESSION,
    "keep": _TABLE,
    "let": {**_TABLE, "propertyNames": {"pattern": f"^(?!{DOCUMENT}$){LET_NAME.pattern}$"}},
    "fields": {
        "type": "object",
        "properties": _described(FIELDS, _FIELD_SHAPES),
        "required": [*NEEDED_FIELDS],
        "additionalProperties": False,
    },
}
