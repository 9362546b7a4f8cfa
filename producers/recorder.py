"""A stand-in for ThreatQ that answers as an empty one would and records what it is asked to make."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

import msgspec

from workers.config import Settings
from workers.plan import EventPlan
from workers.threatq.carry_out import create_events
from workers.threatq.client import Json
from workers.threatq.complete import ATTRIBUTES
from workers.threatq.lookups import ASSET_COLLECTION
from workers.threatq.outcome import EventRequest
from workers.threatq.service import ThreatQ

#: Stands for ThreatQ's address where none is configured.
NOWHERE = "https://threatq.example.com"

#: What this ThreatQ takes inside a new event, so that it need not be asked.
INLINE = (ATTRIBUTES, "indicators", "identity", "malware", ASSET_COLLECTION)


class Recorder:
    """Knows every name that one plan needs; `made` holds method, path and body of each call that makes something."""

    def __init__(self, plan: EventPlan, settings: Settings) -> None:
        self.base = settings.threatq_url or NOWHERE
        self.made: list[tuple[str, str, Any]] = []
        self._ids = count(1)
        self._names: dict[str, list[str]] = {
            "/api/indicator/types": [indicator.type for indicator in plan.indicators] or ["FQDN"],
            "/api/indicator/statuses": [settings.threatq_status],
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
