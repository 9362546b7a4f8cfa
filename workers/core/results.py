"""What became of a job, as values: the ledger keeps them as JSON, and whatever shows a job reads them back.

The names of the fields are those of the JSON that HTTP and `--json` answer. The Smart Response stubs read the same JSON
without this module (producers/smart_response/notes.py).
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

from workers.core.sync_report import RunResult, as_json


class LeftOut(Struct, frozen=True):
    """Something that did not become what it was sent as: what, why, and where it is kept instead.

    `kept_as` is "attribute", "asset", "identity", "job" (only in the job's record) or "nothing".
    """

    what: str
    why: str
    kept_as: str


class IndicatorRef(Struct, frozen=True):
    """An indicator that an event is related to, by ThreatQ's id."""

    id: int
    type: str
    value: str


class ObjectRef(Struct, frozen=True):
    """An object other than an indicator that an event is related to; `kind` is ThreatQ's name of the collection."""

    id: int
    kind: str
    value: str


class GroupRef(Struct, frozen=True, omit_defaults=True):
    """The group of firings that share an event: its id, and by what it is told from others.

    `limited`: they were above the rate limit of their source. `firings`: of how many the event was told, 0 where it was
    not told anything.
    """

    id: str
    label: str
    limited: bool = False
    firings: int = 0


class EventResult(Struct, frozen=True, omit_defaults=True):
    """The event of a payload or an alarm; `existing`: it had been made before, `group`: it stands for several."""

    event_id: int = 0
    link: str = ""
    existing: bool = False
    indicators: tuple[IndicatorRef, ...] = ()
    objects: tuple[ObjectRef, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[str, ...] = ()
    group: GroupRef | None = None


class IndicatorDetails(Struct, frozen=True, omit_defaults=True):
    """What of a ThreatQ indicator an analyst is shown; times are UTC, `score` is None while there is none."""

    id: int
    type: str
    value: str
    link: str
    status: str = ""
    score: int | None = None
    score_label: str = ""
    sources: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    adversaries: tuple[str, ...] = ()
    created_at: str = ""
    updated_at: str = ""
    last_detected_at: str = ""
    expires_at: str = ""


class ActionResult(Struct, frozen=True, omit_defaults=True):
    """What an analyst's action did: a sentence, whether ThreatQ has the indicator, and what was asked for."""

    said: str
    found: bool
    asked: str
    indicator: IndicatorDetails | None = None
    notes: tuple[str, ...] = ()


class SyncSkipped(Struct, frozen=True, kw_only=True):
    """A sync that was not to be done, and why."""

    status: Literal["skipped"] = "skipped"
    reason: str


class SyncHandedOut(Struct, frozen=True, kw_only=True):
    """A sync of all collections: the job of each, by the collection's name."""

    status: Literal["handed out"] = "handed out"
    runs: dict[str, str]


class SyncOverlap(Struct, frozen=True, kw_only=True):
    """A sync of a collection that another job has; `by` is that job, `at_work`: a worker is busy with it."""

    status: Literal["overlap"] = "overlap"
    by: str
    at_work: bool
    reason: str


class ValueRemoved(Struct, frozen=True, kw_only=True):
    """A value that left our lists at once, and the lists that it was in."""

    status: Literal["removed"] = "removed"
    value: str
    lists: tuple[str, ...]


class ValueAdded(Struct, frozen=True, kw_only=True):
    """A value that went into our lists at once, and those lists; none where only a run may change them."""

    status: Literal["added"] = "added"
    value: str
    lists: tuple[str, ...]


class Failure(Struct, frozen=True, omit_defaults=True):
    """Why a job is dead, or waits, or was opened again.

    `field` is the part of the input that is wrong, `service` the one that is away, `error` the name of the error's
    class, `again_in_s` the seconds after which it is tried again; None where it does not apply.
    """

    reason: str = ""
    field: str | None = None
    error: str | None = None
    traceback: str | None = None
    service: str | None = None
    again_in_s: float | None = None


#: What a run of the list sync can come to.
SyncResult = RunResult | SyncSkipped | SyncHandedOut | SyncOverlap | ValueRemoved | ValueAdded

#: What a done job can have noted.
Success = EventResult | ActionResult | SyncResult

_SYNC_TYPES: dict[object, type[SyncResult]] = {
    "skipped": SyncSkipped,
    "handed out": SyncHandedOut,
    "overlap": SyncOverlap,
    "removed": ValueRemoved,
    "added": ValueAdded,
}


def as_note(result: Success | Failure) -> dict[str, Any]:
    """Return a result as the JSON that the ledger keeps."""
    if isinstance(result, RunResult):
        return as_json(result)
    note: dict[str, Any] = msgspec.to_builtins(result)
    return note


def read_note(kind: str, state: str, note: dict[str, Any]) -> Success | Failure | None:
    """Read what a job of `kind` noted when it came to `state`; None for what another version noted in another shape."""
    try:
        return msgspec.convert(note, _type_of(kind, state, note))
    except msgspec.ValidationError:
        return None


def _type_of(kind: str, state: str, note: dict[str, Any]) -> type[Success | Failure]:
    if state != "done":
        return Failure
    if kind.startswith("lists."):
        return _SYNC_TYPES.get(note.get("status"), RunResult)
    return ActionResult if kind.startswith("indicators.") else EventResult
