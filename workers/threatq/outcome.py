"""What is asked of the event maker and what it answers, as values."""

from __future__ import annotations

from msgspec import Struct

from workers.plan import EventPlan


class EventRequest(Struct, frozen=True):
    """One event to make for a job; `first_attempt` is False once an earlier attempt may have made it.

    `to_blame`: ThreatQ has failed on it alone so often while it took others that it is this event's fault.
    """

    job_id: str
    plan: EventPlan
    first_attempt: bool = True
    to_blame: bool = False


class Made(Struct, frozen=True):
    """An object that ThreatQ now holds; `existing` tells whether it did before, None if it does not say."""

    collection: str
    id: int
    value: str
    type: str = ""
    existing: bool | None = None


class Done(Struct, frozen=True, tag="done"):
    """The event is in ThreatQ with all that belongs to it; `warnings` says what became something else."""

    event_id: int
    link: str
    existing: bool = False
    indicators: tuple[Made, ...] = ()
    objects: tuple[Made, ...] = ()
    warnings: tuple[str, ...] = ()


class Refused(Struct, frozen=True, tag="refused"):
    """ThreatQ will never take this event as it is; `field` is the part of the plan that it blames, or ""."""

    reason: str
    field: str = ""


Outcome = Done | Refused
