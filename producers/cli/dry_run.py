"""What an event plan would make in ThreatQ, in words and call by call.

The calls are recorded by a stand-in that answers as an empty ThreatQ would.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import msgspec

from workers.core.jobs import Job
from workers.core.text import printable
from workers.indicators.model import Attribute
from workers.payload.grouping import Grouping
from workers.payload.plan import EventPlan
from workers.settings.model import Settings
from workers.threatq.client import Json
from workers.threatq.event_creation import ATTRIBUTES, create_events
from workers.threatq.event_draft import EventRequest
from workers.threatq.service import ASSET_COLLECTION, ThreatQ

#: Characters of a long text that are shown.
TEXT_SHOWN = 300

#: Stands for ThreatQ's address where none is configured.
NOWHERE = "https://threatq.example.com"

#: What this ThreatQ takes inside a new event, so that it need not be asked.
INLINE = (ATTRIBUTES, "indicators", "identity", "malware", ASSET_COLLECTION)


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


def explain_group(job: Job, plan: EventPlan, grouping: Grouping) -> Iterator[str]:
    """Yield lines about the other firings that count with this one; the calls are those of the first of them."""
    if key := grouping.group_of(job.arguments["payload"], plan):
        yield f"Group        {printable(key.label)}: its firings share one event"
    if limit := grouping.limit_of(plan):
        yield f"Limit        {limit.said} of {printable(plan.source)}; those above are counted in one event"


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


class Recorder:
    """Knows every name that one plan needs; `made` holds method, path and body of each call that makes something."""

    def __init__(self, plan: EventPlan, settings: Settings) -> None:
        self.base = settings.threatq_url or NOWHERE
        self.made: list[tuple[str, str, Any]] = []
        self._ids = count(1)
        self._names: dict[str, list[str]] = {
            "/api/indicator/types": [indicator.type for indicator in plan.indicators] or ["FQDN"],
            "/api/indicator/statuses": [settings.threatq_status, settings.logrhythm_status],
            "/api/event/types": [plan.type],
        }

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: object = None,
        type: Any = Any,
    ) -> Any:
        """Answer a question with the names of the plan, anything else with what was sent and an id."""
        if method == "GET":
            names = self._names.get(path, [])[int((params or {}).get("offset", 0)) :]
            data: list[Json] = [{"id": next(self._ids), "name": name} for name in names]
        else:
            self.made.append((method, path, copy.deepcopy(json)))
            data = [{**item, "id": next(self._ids)} for item in _items(json)]
        return msgspec.convert({"data": data, "total": len(data)}, type)


def calls(plan: EventPlan, settings: Settings, job_id: str) -> list[tuple[str, str, Any]]:
    """Return the calls that make the event of `plan` in a ThreatQ that holds nothing of it: method, path, body."""
    recorder = Recorder(plan, settings)
    threatq = ThreatQ(recorder, settings)
    threatq.inline = dict.fromkeys(INLINE, True)
    create_events(threatq, [EventRequest(job_id, plan)])
    return recorder.made


def _items(body: object) -> Iterator[Json]:
    for item in body if isinstance(body, list) else [body]:
        if isinstance(item, dict):
            yield item
