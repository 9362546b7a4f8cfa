"""One event on its way into ThreatQ: what was asked for, what came of it so far, and an earlier attempt's event."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from msgspec import Struct

from workers.core.errors import MissingRights
from workers.indicators.model import Attribute
from workers.payload.plan import EventPlan
from workers.threatq.client import Json, row_id
from workers.threatq.errors import ServiceRefusal
from workers.threatq.objects import Made, attribute_items, attributes_in, existing

#: ThreatQ's words for the parts of a plan, where they differ.
FIELDS = {"type_id": "type", "name": "title"}

#: The attribute that tells which job made an event; one payload is one event because it is looked for.
JOB_ATTRIBUTE = "TQ Job ID"


@dataclass(slots=True)
class Draft:
    """The working record of one request; `event_id` is 0 until ThreatQ has the event.

    `complete_all` asks that everything be added by calls of its own, because the event was there before;
    `attributes_there` are then its attributes, None if not known. `refused` says why it is given up, now or for good.
    """

    request: EventRequest
    plan: EventPlan = field(init=False)
    related: list[Made] = field(default_factory=list)
    instead: list[Attribute] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    refused: RejectedEvent | WithheldEvent | None = None
    event_id: int = 0
    complete_all: bool = False
    attributes_there: set[tuple[str, str]] | None = None

    def __post_init__(self) -> None:
        self.plan = self.request.plan

    @property
    def is_open(self) -> bool:
        """Whether the event has still to be made."""
        return not self.event_id and self.refused is None

    def ids(self) -> dict[str, list[int]]:
        """Return the ids to relate, by collection, none twice."""
        by_collection: dict[str, dict[int, None]] = {}
        for thing in self.related:
            by_collection.setdefault(thing.collection, {})[thing.id] = None
        return {collection: list(ids) for collection, ids in by_collection.items()}

    def body(self) -> Json:
        """Return the item that creates this event with its attributes, source and relations."""
        plan = self.plan
        return {
            "title": plan.title,
            "type": {"name": plan.type},
            "happened_at": plan.happened_at,
            "description": plan.description,
            "sources": [{"name": plan.source}],
            "attributes": attribute_items(self.attributes(), plan.source),
            **{collection: [{"id": id_} for id_ in ids] for collection, ids in self.ids().items()},
        }

    def attributes(self) -> list[Attribute]:
        """Return every attribute that the event must have, ours first, none twice."""
        ours = Attribute(JOB_ATTRIBUTE, self.request.job_id)
        return list(dict.fromkeys((ours, *self.plan.attributes, *self.instead)))

    def keep_as_attribute(self, name: str, value: str, why: str) -> None:
        """Keep what ThreatQ does not take as an object in the event's attributes, with a warning."""
        self.instead.append(Attribute(name, value))
        self.warnings.append(f"{name} {value}: {why}; kept as an attribute of the event")

    def refuse(self, error: ServiceRefusal) -> None:
        """Close the draft: ThreatQ does not take this event."""
        blamed = next(iter(error.fields), "")
        self.refused = RejectedEvent(str(error), FIELDS.get(blamed, blamed))

    def adopt(self, row: Json) -> None:
        """Take the event that an earlier attempt made."""
        self.event_id = row_id(row)
        self.complete_all = True
        self.attributes_there = attributes_in(row) if "attributes" in row else None

    def take(self, row: Json, *, shared: bool) -> None:
        """Take the event that ThreatQ answers with; `shared`: another payload of this batch has it too."""
        self.event_id = row_id(row)
        if existing(row) or shared:
            self.complete_all = True
            self.warnings.append(
                f"ThreatQ already had event {self.event_id} with this title, type and time; it was completed"
            )

    def outcome(self, link: str) -> Outcome:
        """Return what the job's record keeps."""
        if self.refused is not None:
            return self.refused
        return Done(
            self.event_id,
            link,
            existing=self.complete_all,
            indicators=tuple(made for made in self.related if made.collection == "indicators"),
            objects=tuple(made for made in self.related if made.collection != "indicators"),
            warnings=(*self.plan.warnings, *self.warnings),
        )


class EventRequest(Struct, frozen=True):
    """One event to make for a job; `first_attempt` is False once an earlier attempt may have made it.

    `accepted_at` is when the ledger took the job, None where no ledger did. `blame_item`: ThreatQ has failed on it
    alone so often while it took others that it is this event's fault. `event_id` is the event that the job had made
    before a corrected mapping was replayed over it, 0 for none.
    """

    job_id: str
    plan: EventPlan
    first_attempt: bool = True
    blame_item: bool = False
    accepted_at: dt.datetime | None = None
    event_id: int = 0


class Done(Struct, frozen=True, tag="done"):
    """The event is in ThreatQ with all that belongs to it; `warnings` says what became something else."""

    event_id: int
    link: str
    existing: bool = False
    indicators: tuple[Made, ...] = ()
    objects: tuple[Made, ...] = ()
    warnings: tuple[str, ...] = ()


class RejectedEvent(Struct, frozen=True, tag="refused"):
    """ThreatQ will never take this event as it is; `field` is the part of the plan that it blames, or ""."""

    reason: str
    field: str = ""


class WithheldEvent(Struct, frozen=True, tag="withheld"):
    """The account lacks a right without which this event cannot be made, or not completed."""

    reason: str


Outcome = Done | RejectedEvent | WithheldEvent


@contextmanager
def withholding(drafts: Iterable[Draft]) -> Iterator[None]:
    """Withhold `drafts` where the account lacks a right for what the block does, which no other draft needs."""
    try:
        yield
    except MissingRights as error:
        for draft in drafts:
            draft.refused = WithheldEvent(str(error))


def identity(plan: EventPlan) -> tuple[str, str, str]:
    """Return what ThreatQ may take for one and the same event (a guess of ours: title, type and time)."""
    return plan.title, plan.type.casefold(), plan.happened_at
