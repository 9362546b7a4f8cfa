"""An indicator as ThreatQ holds it, in the few words that an analyst wants to read."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from workers.listsync.buckets import whole_score
from workers.threatq.client import Json
from workers.threatq.matching import type_name

#: ThreatQ's own words for its scores (its dropdown, as Siemplify and Polarity list it).
_LABELS = {10: "Very High", 9: "High", 8: "Medium", 7: "Medium", 6: "Low", 5: "Low"}


class Shown(Struct, frozen=True, omit_defaults=True):
    """What of a ThreatQ indicator goes into a job's result; times are UTC, `score` is None while there is none."""

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


def shown(row: Json, link: str) -> Shown:
    """Read a row with its status, score, sources, attributes and adversaries."""
    score = whole_score(row.get("score"))
    return Shown(
        id=int(row["id"]),
        type=type_name(row),
        value=str(row.get("value", "")),
        link=link,
        status=_name(row.get("status")),
        score=score,
        score_label="" if score is None else _LABELS.get(score, "Very Low"),
        sources=_names(row.get("sources")),
        attributes=tuple(
            (attribute_name(one), str(one.get("value", ""))) for one in rows_of(row, "attributes")
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
    found = row.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _names(found: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, map(_name, found)))) if isinstance(found, list) else ()


def _name(value: Any) -> str:
    return str(value.get("name") or "") if isinstance(value, dict) else _text(value)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
