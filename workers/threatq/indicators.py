"""One indicator for an analyst's action: find, add, mark and change its status."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from workers.errors import InputError
from workers.plan import Attribute
from workers.threatq.client import Json, rows
from workers.threatq.exact import find_exact, spellings
from workers.threatq.failure import Refusal
from workers.threatq.matching import type_name
from workers.threatq.objects import ensure
from workers.threatq.outcome import Made
from workers.threatq.relations import add_attributes as add_attributes_to
from workers.threatq.relations import attribute_items, attributes_in
from workers.threatq.service import ThreatQ

#: What a look-up asks for; names of two words are left out, as some versions answer them with 500 (SPL2).
DETAILS = "type,status,score,sources,attributes,adversaries"


class Known(Struct, frozen=True):
    """An indicator as ThreatQ knows it; times are UTC, `YYYY-MM-DD HH:MM:SS`, "" where there is none."""

    id: int
    type: str
    value: str
    link: str
    status: str = ""
    score: float | None = None
    sources: tuple[str, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    adversaries: tuple[str, ...] = ()
    created_at: str = ""
    updated_at: str = ""
    expires_at: str = ""


def find_indicator(threatq: ThreatQ, type_: str, value: str) -> Known | None:
    """Return the indicator of this type and value, or None; a URL is looked for with and without scheme."""
    type_id = _type_id(threatq, type_)
    for spelling in spellings(type_, value):
        params = {"type_id": type_id, "with": DETAILS}
        for row in find_exact(threatq.caller, "indicators", "value", spelling, params):
            if _is_of(row, type_id, type_):
                return _known(threatq, row)
    return None


def add_indicator(
    threatq: ThreatQ, type_: str, value: str, *, source: str, attributes: Sequence[Attribute] = ()
) -> Made:
    """Create an indicator with the configured status, or add source and attributes to an existing one.

    Returns it with `existing`. Raises Refusal for a value that ThreatQ does not take.
    """
    _type_id(threatq, type_)
    threatq.lookups.status(threatq.status)
    item = {
        "value": value,
        "type": {"name": type_},
        "status": {"name": threatq.status},
        "sources": [{"name": source}],
        "attributes": attribute_items(attributes, source),
    }
    result = ensure(threatq.caller, "indicators", [item])[0]
    if isinstance(result, Refusal):
        raise result
    return result


def add_attributes(threatq: ThreatQ, id_: int, attributes: Sequence[Attribute], *, source: str) -> None:
    """Add attributes to an indicator; equal ones are touched, not doubled."""
    add_attributes_to(threatq.caller, "indicators", id_, attributes, source)


def add_source(threatq: ThreatQ, id_: int, name: str) -> None:
    """Add a source to an indicator; one that it has already stays as it is."""
    threatq.caller.call("POST", f"/api/indicators/{id_}/sources", json={"name": name})


def set_status(threatq: ThreatQ, id_: int, status: str) -> str:
    """Set an indicator's status by an explicit update, which also changes protected ones; return the former.

    A re-ingest would leave a protected status as it is (§3.3).
    """
    status_id = threatq.lookups.status(status)
    path = f"/api/indicators/{id_}"
    former = next(iter(rows(threatq.caller.call("GET", path, params={"with": "status"}))), {})
    threatq.caller.call("PUT", path, json={"status_id": status_id})
    return _name(former.get("status"))


def score_of(row: Json) -> float | None:
    """Return an indicator's score, whether it is a number, a text or an object; None where there is none.

    A manual score overrides a generated one (SPL2, XSOAR); the stored maximum may exceed 10 (Polarity).
    """
    score = row.get("score")
    if isinstance(score, dict):
        manual = score.get("manual_score")
        score = score.get("generated_score") if manual in (None, "") else manual
    try:
        number = float(score) if isinstance(score, int | float | str) else None
    except (ValueError, OverflowError):
        return None
    return None if number is None or not math.isfinite(number) else min(10.0, max(0.0, number))


def _type_id(threatq: ThreatQ, type_: str) -> int:
    found = threatq.lookups.indicator_type(type_)
    if found is None:
        known = ", ".join(threatq.lookups.indicator_type_names())
        raise InputError(f"ThreatQ has no indicator type {type_!r}; it has {known}", field="type")
    return found


def _is_of(row: Json, type_id: int, type_: str) -> bool:
    """Whether a row is of this type, by id, else by name, as far as it shows either."""
    if "type_id" in row:
        return str(row["type_id"]) == str(type_id)
    return type_name(row).casefold() in (type_.casefold(), "")


def _known(threatq: ThreatQ, row: Json) -> Known:
    id_ = int(row["id"])
    return Known(
        id=id_,
        type=type_name(row),
        value=str(row.get("value", "")),
        link=threatq.link("indicators", id_),
        status=_name(row.get("status")),
        score=score_of(row),
        sources=_names(row.get("sources")),
        attributes=tuple(Attribute(*pair) for pair in sorted(attributes_in(row))),
        adversaries=_names(row.get("adversaries")),
        created_at=str(row.get("created_at") or ""),
        updated_at=str(row.get("updated_at") or ""),
        expires_at=str(row.get("expires_at") or ""),
    )


def _names(found: object) -> tuple[str, ...]:
    return tuple(filter(None, map(_name, found))) if isinstance(found, list) else ()


def _name(value: object) -> str:
    """Return a name that is sent plainly or as an object."""
    return str(value.get("name", "")) if isinstance(value, dict) else str(value or "")
