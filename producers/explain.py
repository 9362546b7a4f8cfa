"""What an event plan would make in ThreatQ, in words and call by call."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from producers.printable import printable
from workers.plan import Attribute, EventPlan

#: Characters of a long text that are shown.
TEXT_SHOWN = 300


def explain(plan: EventPlan, *, unknown_types: str) -> Iterator[str]:
    """Yield lines that a person reads; `unknown_types` is the setting for unknown event types."""
    remark = "created if unknown" if unknown_types == "create" else "rejected if unknown"
    yield f"Event        {printable(plan.title)}"
    yield f"  type       {printable(plan.type)} ({remark})"
    yield f"  happened   {plan.happened_at} UTC"
    yield f"  source     {printable(plan.source)}"
    if plan.description:
        yield f"  text       {_start(plan.description)}"
    yield from _attributes("  attribute  ", plan.attributes)
    for indicator in plan.indicators:
        yield f"Indicator    {printable(indicator.type)}: {printable(indicator.value)}"
        yield from _attributes("  attribute  ", indicator.attributes)
    for label, names in (("Asset", plan.assets), ("Identity", plan.identities), ("Malware", plan.malware)):
        yield from (f"{label:<13}{printable(name)}" for name in names)
    for left in plan.left_out:
        yield f"Left out     {printable(left.what)}: {printable(left.why)} (kept as: {left.kept_as})"
    yield from (f"Warning      {printable(warning)}" for warning in plan.warnings)


def explain_calls(calls: Sequence[tuple[str, str, Any]]) -> Iterator[str]:
    """Yield lines for the calls that make it; ids in them stand for those that ThreatQ will give."""
    yield "Calls        (while there is much to do, each of them serves up to 100 payloads)"
    for number, (method, path, body) in enumerate(calls, start=1):
        yield f"  {number}. {method} {path}"
        for item in body if isinstance(body, list) else [body]:
            yield f"     {json.dumps(_shortened(item), ensure_ascii=True)}"


def _shortened(value: Any) -> Any:
    if isinstance(value, str):
        return _start(value)
    if isinstance(value, dict):
        return {name: _shortened(inner) for name, inner in value.items()}
    return [_shortened(inner) for inner in value] if isinstance(value, list) else value


def _attributes(label: str, attributes: tuple[Attribute, ...]) -> Iterator[str]:
    for attribute in attributes:
        yield f"{label}{printable(attribute.name)} = {printable(attribute.value)}"


def _start(text: str) -> str:
    shown = printable(" ".join(text[:TEXT_SHOWN].split()))
    return shown if len(text) <= TEXT_SHOWN else f"{shown} … ({len(text)} characters)"
