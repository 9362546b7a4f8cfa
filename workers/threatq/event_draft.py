"""One event on its way into ThreatQ: what was asked for, what came of it so far, and an earlier attempt's event."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from msgspec import Struct

from workers.core.errors import MissingRights
from workers.indicators.model import Attribute
from workers.payload.plan import EventPlan
from workers.threatq.client import Caller, Json, row_id
from workers.threatq.errors import ServiceRefusal
from workers.threatq.objects import Made, attribute_items, attributes_in, attributes_of, existing
from workers.threatq.search import find_pages

#: ThreatQ's words for the parts of a plan, where they differ.
FIELDS = {"type_id": "type", "name": "title"}

#: The attribute that tells which job made an event; one payload is one event because it is looked for.
JOB_ATTRIBUTE = "TQ Job ID"

#: How far ThreatQ's clock may be behind a detection's before an earlier attempt's event is overlooked.
CLOCK_SKEW = dt.timedelta(days=1)

#: How long before its acceptance a job's event can have been made: by an acceptance that Redis forgot in a crash.
ACCEPTED_AGAIN = dt.timedelta(hours=1)

_TIME = "%Y-%m-%d %H:%M:%S"


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
    alone so often while it took others that it is this event's fault.
    """

    job_id: str
    plan: EventPlan
    first_attempt: bool = True
    blame_item: bool = False
    accepted_at: dt.datetime | None = None


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


def find_ours(caller: Caller, requests: Iterable[EventRequest]) -> dict[str, Json]:
    """Return, by job id, the events that earlier attempts made; one walk for each title.

    Only a title can be searched for (SPL2), so the rows are read newest first until all are found, or
    until they are older than what is looked for. Index-backed searches lag behind and are not used.
    """
    by_title: dict[str, list[EventRequest]] = {}
    for request in requests:
        by_title.setdefault(request.plan.title, []).append(request)
    events: dict[str, Json] = {}
    for title, wanted in by_title.items():
        events.update(_walk(caller, title, wanted))
    return events


def _walk(caller: Caller, title: str, wanted: Sequence[EventRequest]) -> dict[str, Json]:
    jobs = {request.job_id: request.plan.happened_at for request in wanted}
    oldest = _created_after(wanted)
    events: dict[str, Json] = {}
    for page in find_pages(caller, "events", "title", title, {"with": "attributes", "sort": "-created_at"}):
        for row in page:
            if _time(row) in jobs.values():
                events.update(dict.fromkeys(_jobs_of(caller, row) & jobs.keys(), row))
        if len(events) == len(jobs) or (page and all(str(row.get("created_at")) < oldest for row in page)):
            break
    return events


def _created_after(requests: Iterable[EventRequest]) -> str:
    """Return the earliest time at which these events can have been created, "" where no such time is sure.

    An event may be said to happen later than it is created, but none is created long before its job was accepted.
    """
    try:
        moments = [_earliest(request) for request in requests]
    except ValueError:
        return ""
    return (max(min(moments), dt.datetime(2, 1, 1, tzinfo=dt.UTC)) - CLOCK_SKEW).strftime(_TIME)


def _earliest(request: EventRequest) -> dt.datetime:
    """Return when the event of `request` can have been created; raises ValueError where it cannot be told."""
    happened = dt.datetime.strptime(request.plan.happened_at, _TIME).replace(tzinfo=dt.UTC)
    if request.accepted_at is not None:
        return min(happened, request.accepted_at - ACCEPTED_AGAIN)
    if happened > dt.datetime.now(dt.UTC):
        raise ValueError(happened)
    return happened


def _time(row: Json) -> str:
    return str(row.get("happened_at", ""))[:19].replace("T", " ")


def _jobs_of(caller: Caller, row: Json) -> set[str]:
    """Return the ids of the jobs that an event names."""
    pairs = attributes_in(row) if "attributes" in row else attributes_of(caller, row_id(row))
    return {value for name, value in pairs if name == JOB_ATTRIBUTE}
