"""The one indicator of an action in ThreatQ's library: found, created, read again for the analyst."""

from __future__ import annotations

from typing import Any

from workers.actions.request import Request
from workers.core.errors import InputError, Rejected, TqError
from workers.core.results import IndicatorDetails
from workers.indicators.model import Attribute
from workers.threatq.bulk import type_name
from workers.threatq.client import Json, row_id, rows
from workers.threatq.errors import ServiceRefusal
from workers.threatq.objects import add_attributes, attribute_items, ensure
from workers.threatq.rows import whole_score
from workers.threatq.score_bands import ScoreBands
from workers.threatq.search import find_exact
from workers.threatq.service import ThreatQ

#: The source under which ThreatQ shows what analysts do in LogRhythm.
SOURCE = "LogRhythm"

#: What is read along with an indicator (the names that ThreatQ takes in every version, §3.1 of its clients).
_WITH = "score,status,type,sources,attributes,attributes.sources,adversaries"


def find(threatq: ThreatQ, request: Request) -> Json | None:
    """Return the indicator, looked for under each of its spellings, or None."""
    type_id = threatq.lookups.indicator_type(request.indicator.type)
    for value in request.values:
        query = {"type_id": type_id, "with": _WITH}
        if row := next(find_exact(threatq.caller, "indicators", "value", value, query), None):
            return row
    return None


def create(threatq: ThreatQ, request: Request, attributes: tuple[Attribute, ...]) -> int:
    """Create the indicator with the configured status and our source; return its id.

    Raises InputError where ThreatQ refuses its value or its type.
    """
    threatq.lookups.status(threatq.logrhythm_status, "logrhythm_status")
    item = {
        "value": request.indicator.value,
        "type": {"name": request.indicator.type},
        "status": {"name": threatq.logrhythm_status},
        "sources": [{"name": SOURCE}],
        "attributes": attribute_items(attributes, SOURCE),
    }
    (result,) = ensure(threatq.caller, "indicators", [item])
    if isinstance(result, ServiceRefusal):
        raise _as_answer(result)
    return result.id


def _as_answer(refusal: ServiceRefusal) -> TqError:
    """Return what a refusal means: who asked must correct a value or a type; all else needs an operator."""
    blamed = next((field for field in ("value", "type") if field in refusal.fields), "")
    return InputError(str(refusal), field=blamed) if blamed else refusal


def add_missing(threatq: ThreatQ, row: Json, attributes: tuple[Attribute, ...]) -> None:
    """Add those attributes that an indicator does not have from us yet."""
    ours = {
        (attribute_name(row_attribute), str(row_attribute.get("value", "")))
        for row_attribute in rows_of(row, "attributes")
        if SOURCE in sources(row_attribute)
    }
    missing = [attribute for attribute in attributes if (attribute.name, attribute.value) not in ours]
    add_attributes(threatq.caller, "indicators", row_id(row), missing, SOURCE)


def sources(row: Json) -> list[str]:
    """Return the names of the sources of an indicator or an attribute."""
    return [str(source.get("name")) for source in rows_of(row, "sources")]


def show(threatq: ThreatQ, id_: int) -> IndicatorDetails:
    """Read an indicator anew and return what the analyst sees of it."""
    indicators = rows(threatq.caller.call("GET", f"/api/indicators/{id_}", params={"with": _WITH}))
    if not indicators:
        raise Rejected(f"ThreatQ no longer shows indicator {id_}; it may have been deleted just now")
    return present(threatq, indicators[0])


def present(threatq: ThreatQ, row: Json) -> IndicatorDetails:
    """Return what the analyst sees of a row."""
    return shown(row, threatq.link("indicators", row_id(row)), threatq.bands)


def shown(row: Json, link: str, bands: ScoreBands) -> IndicatorDetails:
    """Read a row with its status, score, sources, attributes and adversaries."""
    score = whole_score(row.get("score"))
    return IndicatorDetails(
        id=row_id(row),
        type=type_name(row),
        value=str(row.get("value", "")),
        link=link,
        status=_name(row.get("status")),
        score=score,
        score_label="" if score is None else bands.band(score),
        sources=_names(row.get("sources")),
        attributes=tuple(
            (attribute_name(row_attribute), str(row_attribute.get("value", "")))
            for row_attribute in rows_of(row, "attributes")
        ),
        adversaries=_names(row.get("adversaries")),
        created_at=_text(row.get("created_at")),
        updated_at=_text(row.get("updated_at")),
        last_detected_at=_text(row.get("last_detected_at")),
        expires_at=_text(row.get("expires_at")),
    )


def attribute_name(row: Json) -> str:
    """Return the name of an attribute row; older answers keep it under `attribute`."""
    return str(row.get("name") or _name(row.get("attribute")))


def rows_of(row: Json, name: str) -> list[Json]:
    """Return the rows of one expansion; an absent one is empty."""
    entries = row.get(name)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _names(entries: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, map(_name, entries)))) if isinstance(entries, list) else ()


def _name(value: Any) -> str:
    return str(value.get("name") or "") if isinstance(value, dict) else _text(value)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
