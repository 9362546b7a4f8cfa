"""The four actions on one indicator; each may be repeated without doing anything twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from workers.actions import library
from workers.actions.library import attribute_name, rows_of
from workers.actions.request import CREATES, Request, may_force, read_request, screened
from workers.core.errors import InputError
from workers.core.results import ActionResult, IndicatorDetails
from workers.indicators.model import Attribute
from workers.indicators.types import match_type
from workers.leases import Attempt
from workers.ledger.acts import Actor
from workers.ledger.audit import Audit
from workers.ledger.records import Claim, Settlement, done
from workers.payload.json_text import escape_all
from workers.payload.options import DialectOptions
from workers.threatq.client import Json, row_id
from workers.threatq.service import ThreatQ

#: The verdict that takes an indicator out of what is looked for.
FALSE_POSITIVE = "false positive"

#: The attribute that each verdict sets to "Yes"; scoring policies read it.
VERDICTS = {"true positive": "True Positive", FALSE_POSITIVE: "False Positive"}

#: The status that takes an indicator out of detection.
WHITELISTED = "Whitelisted"


def act(kind: str, arguments: dict[str, Any], threatq: ThreatQ, dialect: DialectOptions) -> ActionResult:
    """Carry out a job of `kind` (`indicators.add`, …) and say what was done.

    Raises InputError for what its sender must correct, Rejected for what ThreatQ refuses for another reason, and
    ServiceAway while ThreatQ is away.
    """
    arguments = escape_all(arguments)
    asked = str(arguments.get("type", ""))
    # Asked for by name first: a type that an administrator has just added is looked for anew.
    threatq.lookups.indicator_type(match_type(asked) or asked)
    request = read_request(arguments, threatq.lookups.indicator_type_names())
    if kind in CREATES:
        force = may_force(kind, arguments, allowed=dialect.overrule)
        request = screened(request, dialect.known_good, force=force)
    return _ACTIONS[kind](request, arguments, threatq, dialect)


def _add(request: Request, _arguments: Json, threatq: ThreatQ, _dialect: DialectOptions) -> ActionResult:
    row = library.find(threatq, request)
    if row is None:
        id_ = library.create(threatq, request, request.attributes)
        return _report(request, f"Created with status {threatq.logrhythm_status}", library.show(threatq, id_))
    id_ = row_id(row)
    outcome = "Was in ThreatQ already"
    if library.SOURCE not in library.sources(row):
        threatq.caller.call("POST", f"/api/indicators/{id_}/sources", json={"name": library.SOURCE})
        outcome += f"; {library.SOURCE} was added as a source"
    library.add_missing(threatq, row, request.attributes)
    return _report(request, outcome, library.show(threatq, id_))


def _look_up(request: Request, _arguments: Json, threatq: ThreatQ, _dialect: DialectOptions) -> ActionResult:
    row = library.find(threatq, request)
    if row is None:
        return ActionResult("Not in ThreatQ", False, _asked(request), notes=request.notes)
    return _report(request, "Found in ThreatQ", library.present(threatq, row))


def _mark(request: Request, arguments: Json, threatq: ThreatQ, dialect: DialectOptions) -> ActionResult:
    name = VERDICTS.get(str(arguments.get("verdict", "")))
    if name is None:
        raise InputError(f"must be {' or '.join(VERDICTS)}", field="verdict")
    verdict = Attribute(name, "Yes")
    row = library.find(threatq, request)
    if row is None:
        # What is known to be good may be marked as such where it is, but is not made for it.
        request = screened(request, dialect.known_good)
        id_ = library.create(threatq, request, (*request.attributes, verdict))
        outcome = f"Created with status {threatq.logrhythm_status} and marked as {name}"
        return _report(request, outcome, library.show(threatq, id_))
    library.add_missing(threatq, row, (verdict,))
    notes = _withdraw(threatq, row, next(other for other in VERDICTS.values() if other != name))
    return _report(request, f"Marked as {name}", library.show(threatq, row_id(row)), notes)


def _withdraw(threatq: ThreatQ, row: Json, name: str) -> tuple[str, ...]:
    """Take back the opposite verdict where it is ours alone, so that scores are not torn both ways.

    A verdict that another source gave as well is left to that source; the analyst is told of it.
    """
    notes = []
    for attribute in rows_of(row, "attributes"):
        if attribute_name(attribute) != name or str(attribute.get("value")) != "Yes":
            continue
        if set(library.sources(attribute)) == {library.SOURCE}:
            threatq.caller.call("DELETE", f"/api/indicators/{row_id(row)}/attributes/{row_id(attribute)}")
            notes.append(f"the earlier verdict {name} from {library.SOURCE} was withdrawn")
        else:
            givers = ", ".join(library.sources(attribute)) or "another source"
            notes.append(f"also marked as {name} by {givers}; that was left as it is")
    return tuple(notes)


def _whitelist(
    request: Request, _arguments: Json, threatq: ThreatQ, _dialect: DialectOptions
) -> ActionResult:
    row = library.find(threatq, request)
    if row is None:
        raise InputError(
            f"{_asked(request)} is not in ThreatQ, so nothing was whitelisted; check type and value, or add it first",
            field="value",
        )
    id_ = row_id(row)
    before = library.present(threatq, row).status
    # Sent even where the status looks right: what a feed brings in again never changes a protected status.
    body = {"status_id": threatq.lookups.status(WHITELISTED)}
    threatq.caller.call("PUT", f"/api/indicators/{id_}", json=body)
    outcome = "Was whitelisted already" if before == WHITELISTED else f"Whitelisted; its status was {before}"
    notes: tuple[str, ...] = ()
    if request.indicator.type == "CIDR Block":
        notes = (
            "this changes the status of the network itself; for the addresses in it ThreatQ needs a whitelist rule",
        )
    return _report(request, outcome, library.show(threatq, id_), notes)


_ACTIONS: dict[str, Callable[[Request, Json, ThreatQ, DialectOptions], ActionResult]] = {
    "indicators.add": _add,
    "indicators.lookup": _look_up,
    "indicators.mark": _mark,
    "indicators.whitelist": _whitelist,
}


def _report(
    request: Request, outcome: str, indicator: IndicatorDetails, notes: Sequence[str] = ()
) -> ActionResult:
    return ActionResult(outcome, True, _asked(request), indicator, (*request.notes, *notes))


def _asked(request: Request) -> str:
    return f"{request.indicator.type} {request.indicator.value}"


#: What follows an action on an indicator that ThreatQ has.
FollowUp = Callable[[Claim, IndicatorDetails], object]


def carry_out(
    attempt: Attempt,
    threatq: ThreatQ,
    dialect: DialectOptions,
    audit: Audit,
    follow_up: FollowUp = lambda _claim, _indicator: None,
) -> list[Settlement]:
    """Carry out each action and settle it as done; raises what `act` raises."""
    attempt.ask(attempt.claims)
    settlements = []
    for claim in attempt.claims:
        result = act(claim.kind, claim.known_arguments(), threatq, dialect)
        if claim.kind == "indicators.whitelist":
            # It takes an indicator out of detection; the other actions only add to what is known of one.
            asker = Actor(claim.sender or "unknown", claim.producer)
            audit.by(asker).record("whitelist", result.asked, outcome=result.said, job=claim.id)
        if result.indicator:
            follow_up(claim, result.indicator)
        settlements.append(done(claim, result))
    return settlements
