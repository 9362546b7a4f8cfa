"""Events to be carried out in the simulated ThreatQ, and whether all of one is there."""

from __future__ import annotations

from typing import Any

from tests.support.sandbox_threatq import SandboxThreatQ
from workers.indicators.model import Attribute, Indicator
from workers.payload.plan import EventPlan
from workers.threatq.event_draft import JOB_ATTRIBUTE, Done, EventRequest, Outcome

CONSUME = "/api/events/consume"


def request(number: int, *, first_attempt: bool = True, **changes: Any) -> EventRequest:
    plan: dict[str, Any] = {
        "title": f"Detection {number}",
        "type": "Malware",
        "happened_at": "2026-01-02 03:04:05",
        "source": "Detector",
        "description": "what was seen",
        "attributes": (Attribute("Severity", "High"), Attribute("Number", str(number))),
        "indicators": (
            Indicator("IP Address", f"198.51.{number % 250}.7"),
            Indicator("FQDN", f"n{number}.bad.example", (Attribute("Role", "target"),)),
            Indicator("MD5", f"{number:032x}"),
        ),
        "identities": ("arn:aws:iam::1:user/eve",),
        "malware": ("Emotet",),
        "assets": ("10.0.0.7",),
    }
    return EventRequest(f"job{number}", EventPlan(**{**plan, **changes}), first_attempt)


def events_in(sandbox: SandboxThreatQ) -> list[dict[str, Any]]:
    return list(sandbox.get("/api/events", **{"with": "attributes,sources,type", "limit": 100_000})["data"])


def related(sandbox: SandboxThreatQ, event_id: int, collection: str) -> set[str]:
    return {row["value"] for row in sandbox.get(f"/api/events/{event_id}/{collection}")["data"]}


def assert_complete(sandbox: SandboxThreatQ, outcome: Outcome, wanted: EventRequest) -> None:
    """The one event of this job holds everything that its plan says."""
    assert isinstance(outcome, Done), outcome
    ours = [event for event in events_in(sandbox) if (JOB_ATTRIBUTE, wanted.job_id) in pairs(event)]
    assert [event["id"] for event in ours] == [outcome.event_id]
    (event,) = ours
    plan = wanted.plan
    assert (event["title"], event["type"]["name"], event["happened_at"]) == (
        plan.title,
        plan.type,
        plan.happened_at,
    )
    assert {(a.name, a.value) for a in plan.attributes} <= pairs(event)
    assert plan.source in {source["name"] for source in event["sources"]}
    assert related(sandbox, outcome.event_id, "indicators") == {i.value for i in plan.indicators}
    assert related(sandbox, outcome.event_id, "identity") == set(plan.identities)
    assert related(sandbox, outcome.event_id, "malware") == set(plan.malware)
    assert related(sandbox, outcome.event_id, "asset") == set(plan.assets)


def pairs(event: dict[str, Any]) -> set[tuple[str, str]]:
    return {(a["name"], a["value"]) for a in event["attributes"]}


def again(wanted: EventRequest) -> EventRequest:
    return EventRequest(wanted.job_id, wanted.plan, first_attempt=False)
