"""The samples of tests/fixtures/mappings: documents of our own, and the events that they must become."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from workers.indicators.model import Indicator
from workers.mappings.apply import MappedEvent, apply_mapping, elements
from workers.mappings.folder import shipped
from workers.payload.builder import plan_event
from workers.payload.options import DialectOptions
from workers.payload.plan import EventPlan

FOLDER = Path(__file__).parents[2] / "fixtures" / "mappings"

#: When documents that name no time are received.
RECEIVED = datetime(2026, 3, 10, tzinfo=UTC)


def samples() -> dict[str, list[dict[str, Any]]]:
    """Return the samples of each mapping by its name."""
    return {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))}


def events_of(document: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """Return the mapping that a document has, the generic one if none is for it, and what it becomes."""
    mapping = shipped().choose(document) or shipped().named("generic")
    events = [apply_mapping(mapping, element) for element in elements(mapping, document)]
    return mapping.name, [seen(event) for event in events]


def seen(event: MappedEvent) -> dict[str, Any]:
    """Return what of an event a sample says; what is empty is left out."""
    plan = plan_event(event.payload, received_at=RECEIVED, options=DialectOptions())
    parts = {
        "title": plan.title,
        "type": plan.type,
        "time": plan.happened_at,
        "source": plan.source,
        "severity": plan.severity,
        "identities": list(plan.identities),
        "malware": list(plan.malware),
        "indicators": [_line(indicator) for indicator in plan.indicators],
        "assets": list(event.assets),
        "attributes": _attributes(plan),
        "warnings": [*event.warnings, *plan.warnings],
    }
    return {name: value for name, value in parts.items() if value not in ("", [], {})}


def _line(indicator: Indicator) -> str:
    role = next((each.value for each in indicator.attributes if each.name == "Role"), "")
    return f"{role} {indicator.type}: {indicator.value}"


def _attributes(plan: EventPlan) -> dict[str, str]:
    values: dict[str, list[str]] = {}
    for attribute in plan.attributes:
        values.setdefault(attribute.name, []).append(attribute.value)
    return {name: " + ".join(texts) for name, texts in values.items()}
