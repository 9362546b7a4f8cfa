"""The one indicator of an action in ThreatQ's library: found, created, read again."""

from __future__ import annotations

from workers.actions.request import Request
from workers.actions.shown import Shown, attribute_name, rows_of, shown
from workers.errors import InputError, Rejected
from workers.plan import Attribute
from workers.private import PrivateRanges, private_part
from workers.threatq.client import Json, rows
from workers.threatq.exact import find_exact
from workers.threatq.failure import Refusal
from workers.threatq.objects import ensure
from workers.threatq.relations import add_attributes, attribute_items
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


def create(
    threatq: ThreatQ, request: Request, private: PrivateRanges, attributes: tuple[Attribute, ...]
) -> int:
    """Create the indicator with the configured status and our source; return its id.

    Raises InputError for a private address: they never become indicators, whoever asks.
    """
    if address := private_part(request.indicator, private):
        raise InputError(
            f"{address} is a private address (Private IPs) and is not sent to ThreatQ", field="value"
        )
    threatq.lookups.status(threatq.status)
    item = {
        "value": request.indicator.value,
        "type": {"name": request.indicator.type},
        "status": {"name": threatq.status},
        "sources": [{"name": SOURCE}],
        "attributes": attribute_items(attributes, SOURCE),
    }
    (result,) = ensure(threatq.caller, "indicators", [item])
    if isinstance(result, Refusal):
        raise result
    return result.id


def add_missing(threatq: ThreatQ, row: Json, attributes: tuple[Attribute, ...]) -> None:
    """Add those attributes that an indicator does not have from us yet."""
    ours = {
        (attribute_name(one), str(one.get("value", "")))
        for one in rows_of(row, "attributes")
        if SOURCE in sources(one)
    }
    missing = [one for one in attributes if (one.name, one.value) not in ours]
    add_attributes(threatq.caller, "indicators", int(row["id"]), missing, SOURCE)


def sources(row: Json) -> list[str]:
    """Return the names of the sources of an indicator or an attribute."""
    return [str(one.get("name")) for one in rows_of(row, "sources")]


def show(threatq: ThreatQ, id_: int) -> Shown:
    """Read an indicator anew and return what the analyst sees of it."""
    found = rows(threatq.caller.call("GET", f"/api/indicators/{id_}", params={"with": _WITH}))
    if not found:
        raise Rejected(f"ThreatQ no longer shows indicator {id_}; somebody may have deleted it just now")
    return present(threatq, found[0])


def present(threatq: ThreatQ, row: Json) -> Shown:
    """Return what the analyst sees of a row."""
    return shown(row, threatq.link("indicators", int(row["id"])))
