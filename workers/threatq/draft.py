"""One event on its way into ThreatQ: what was asked for, and what has come of it so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from workers.plan import Attribute, EventPlan
from workers.threatq import events
from workers.threatq.client import Json
from workers.threatq.failure import Refusal
from workers.threatq.objects import existing
from workers.threatq.outcome import Done, EventRequest, Made, Outcome, Refused
from workers.threatq.relations import attributes_in

#: ThreatQ's words for the parts of a plan, where they differ.
FIELDS = {"type_id": "type", "name": "title"}


@dataclass(slots=True)
class Draft:
    """The working record of one request; `event_id` is 0 until ThreatQ holds the event.

    `complete_all` asks that everything be added by calls of its own, because the event was there before;
    `held` is then what attributes it has, None if not known.
    """

    request: EventRequest
    related: list[Made] = field(default_factory=list)
    instead: list[Attribute] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    refused: Refused | None = None
    event_id: int = 0
    complete_all: bool = False
    held: set[tuple[str, str]] | None = None

    @property
    def plan(self) -> EventPlan:
        """The plan that is carried out."""
        return self.request.plan

    @property
    def is_open(self) -> bool:
        """Whether the event has still to be made."""
        return not self.event_id and self.refused is None

    def ids(self) -> dict[str, list[int]]:
        """Return the ids to relate, by collection, none twice."""
        found: dict[str, dict[int, None]] = {}
        for thing in self.related:
            found.setdefault(thing.collection, {})[thing.id] = None
        return {collection: list(ids) for collection, ids in found.items()}

    def body(self) -> Json:
        """Return the item that creates this event."""
        return events.body(self.request, self.instead, self.ids())

    def attributes(self) -> list[Attribute]:
        """Return every attribute that the event must have."""
        return events.all_attributes(self.request, self.instead)

    def keep_as_attribute(self, name: str, value: str, why: str) -> None:
        """Keep what ThreatQ does not take as an object in the event's attributes, with a warning."""
        self.instead.append(Attribute(name, value))
        self.warnings.append(f"{name} {value}: {why}; kept as an attribute of the event")

    def refuse(self, error: Refusal) -> None:
        """Close the draft: ThreatQ does not take this event."""
        blamed = next(iter(error.fields), "")
        self.refused = Refused(str(error), FIELDS.get(blamed, blamed))

    def adopt(self, row: Json) -> None:
        """Take the event that an earlier attempt made."""
        self.event_id = int(row["id"])
        self.complete_all = True
        self.held = attributes_in(row) if "attributes" in row else None

    def take(self, row: Json, *, shared: bool) -> None:
        """Take the event that ThreatQ answers with; `shared`: another payload of this batch has it too."""
        self.event_id = int(row["id"])
        if existing(row) or shared:
            self.complete_all = True
            self.warnings.append(
                f"ThreatQ already held event {self.event_id} with this title, type and time; it was completed"
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
