"""What the analyst asked for, read into an indicator: pure, and the same rules as for payloads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, structs

from workers.core.errors import InputError
from workers.indicators.known_good.judge import INFORMS, KnownGood
from workers.indicators.model import Attribute, Indicator
from workers.indicators.parse import Misfit, read_indicator, spellings
from workers.indicators.refang import tidy
from workers.indicators.types import fold, match_type, unknown_type

#: The actions that make an indicator where there is none; of a known-good one that is there, marking says what it is.
ADD, CREATES = "indicators.add", ("indicators.add", "indicators.mark")

#: What helps against a refusal.
REMEDY = (
    "; if it is malicious here, add it with --force (`force` over HTTP) where known_good_override allows that"
)

#: Characters of a value that a message repeats.
_SHOWN = 120


class Request(Struct, frozen=True):
    """The indicator of an action and the attributes to add to it.

    `values` are the spellings under which ThreatQ may hold it, the likeliest first; `notes` are for the analyst.
    """

    indicator: Indicator
    values: tuple[str, ...]
    attributes: tuple[Attribute, ...] = ()
    notes: tuple[str, ...] = ()


def read_request(arguments: dict[str, Any], type_names: Sequence[str]) -> Request:
    """Read a job's arguments; `type_names` are the indicator types that this ThreatQ has.

    Raises InputError for a type that it has not, and for a value that does not fit its type.
    """
    asked, value = str(arguments.get("type", "")), str(arguments.get("value", ""))
    if not tidy(value):
        raise InputError("is missing; give the indicator's value after its type", field="value")
    indicator = _indicator(_type(asked, type_names), value)
    notes = () if fold(indicator.type) == fold(match_type(asked) or asked) else (_retyped(indicator),)
    return Request(
        indicator=indicator,
        values=tuple(dict.fromkeys((*spellings(indicator.type, indicator.value), tidy(value)))),
        attributes=(*indicator.attributes, *_attributes(arguments.get("attributes") or ())),
        notes=notes,
    )


def screened(request: Request, known_good: KnownGood, *, force: bool = False) -> Request:
    """Return the request as it may become an indicator, with an attribute where a list informs of its value.

    Raises InputError for a value that is ours, and for one that a list keeps out unless it is forced.
    """
    indicator = request.indicator
    verdict = known_good.judge(indicator.type, indicator.value)
    if verdict is None:
        return request
    if verdict.action == "block" and (verdict.is_ours or not force):
        raise InputError(
            f"{verdict.part} {verdict.reason}, and is not sent to ThreatQ{'' if verdict.is_ours else REMEDY}",
            field="value",
        )
    attribute = Attribute(INFORMS, verdict.title)
    return structs.replace(request, attributes=tuple(dict.fromkeys((*request.attributes, attribute))))


def may_force(kind: str, arguments: Mapping[str, Any], *, allowed: bool) -> bool:
    """Return whether a known-good value passes: where it is forced, or marked, since it may be in ThreatQ already.

    Raises InputError where it asks and the setting does not allow it.
    """
    force = bool(arguments.get("force"))
    if force and not allowed:
        raise InputError(
            "is not allowed here; an administrator allows it with known_good_override (TQ_KNOWN_GOOD_OVERRIDE)",
            field="force",
        )
    return force or kind != ADD


def _type(asked: str, names: Sequence[str]) -> str:
    """Return ThreatQ's own name of the type; an administrator may have added types of its own."""
    by_folded = {fold(name): name for name in names}
    known = match_type(asked) or asked
    if own_name := by_folded.get(fold(known)):
        return own_name
    if match_type(asked):
        raise InputError(f"this ThreatQ has no {known}; it has {', '.join(names)}", field="type")
    if not asked.strip():
        raise InputError(f"is missing; known types: {', '.join(names)}", field="type")
    raise unknown_type(asked, names)


def _indicator(name: str, value: str) -> Indicator:
    if match_type(name) is None:
        return Indicator(name, tidy(value))
    result = read_indicator(name, value)
    if isinstance(result, Misfit):
        raise InputError(f'"{value[:_SHOWN]}" is no indicator of type {name}: {result.why}', field="value")
    return result


def _retyped(indicator: Indicator) -> str:
    return f"taken as {indicator.type}, which the value is"


def _attributes(given: Sequence[Sequence[str]]) -> tuple[Attribute, ...]:
    return tuple(Attribute(str(name), str(value)) for name, value in given)
