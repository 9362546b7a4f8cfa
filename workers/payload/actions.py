"""What an analyst's action needs, as structs: checked at the producers that take it from programs."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from workers.core.errors import InputError
from workers.payload.json_text import escape_unfit

#: Characters of an indicator's value, as much as ThreatQ takes.
_Value = Annotated[str, Meta(min_length=1, max_length=4096, pattern=r"\S")]
_Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"\S")]

_Verdict = Literal["true positive", "false positive"]

_PLACE = re.compile(r" - at `\$\.?([^`]*)`$")
_FIELD = re.compile(r"field `([^`]+)`")


class AskedIndicator(Struct, forbid_unknown_fields=True):
    """An indicator by ThreatQ's name of its type and its value; fanged or not."""

    type: _Name
    value: _Value


class NewIndicator(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """An indicator to add, with attributes as pairs of name and value; `force`: also if a known-good list has it."""

    type: _Name
    value: _Value
    attributes: Annotated[list[tuple[_Name, str]], Meta(max_length=200)] = []
    force: bool = False


class MarkedIndicator(Struct, forbid_unknown_fields=True):
    """An indicator and the verdict on it."""

    type: _Name
    value: _Value
    verdict: _Verdict


class AlarmSighting(Struct, forbid_unknown_fields=True):
    """A LogRhythm alarm; `observed` holds its fields by LogRhythm's names (SIP, DIP, URL, …)."""

    alarm_id: _Name
    alarm_name: _Name
    alarm_date: str = ""
    observed: dict[str, str] = {}


#: The struct of each kind of job that is an action.
SHAPES: dict[str, type[Struct]] = {
    "sightings.add": AlarmSighting,
    "indicators.add": NewIndicator,
    "indicators.lookup": AskedIndicator,
    "indicators.mark": MarkedIndicator,
    "indicators.whitelist": AskedIndicator,
}


def read_action(kind: str, arguments: Any) -> dict[str, Any]:
    """Return the arguments of a job of `kind`, checked; raises InputError that names the field."""
    if kind not in SHAPES:
        raise InputError(f"{kind[:40]!r} is no action; there are {', '.join(SHAPES)}", field="job")
    try:
        checked = _as_arguments(msgspec.convert(arguments, SHAPES[kind]))
    except msgspec.ValidationError as error:
        raise _named(error, fields_of(kind)) from error
    for field, value in checked.items():
        _refuse_unfit(value, field)
    return checked


def _refuse_unfit(value: Any, field: str) -> None:
    """Raise InputError for text that no service takes: NUL, or half of a character beyond the first 65,536."""
    if isinstance(value, str) and escape_unfit(value) != value:
        raise InputError(
            f"holds {escape_unfit(value)[:40]!r}, which is no whole text; send it without", field=field
        )
    for inner in (
        value.items() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    ):
        _refuse_unfit(inner, field)


def fields_of(kind: str) -> tuple[str, ...]:
    """Return the names of what an action takes."""
    return SHAPES[kind].__struct_fields__


def title(kind: str, arguments: dict[str, Any]) -> str:
    """Return what a list of jobs shows of an action."""
    if kind == "sightings.add":
        return f"{arguments['alarm_name']} ({arguments['alarm_id']})"
    return f"{kind.partition('.')[2]} {arguments['type']} {arguments['value']}"


def _as_arguments(struct: Struct) -> dict[str, Any]:
    arguments: dict[str, Any] = msgspec.to_builtins(struct)
    return {name: value for name, value in arguments.items() if value not in ([], "", {})}


#: What the reader's sentences begin with or hold, and what helps instead; `{names}`: the fields that there are.
_MEANT = (
    ("missing required field", "is missing; there are {names}"),
    ("unknown field", "is not known here; there are {names}"),
    ("Invalid enum value", f"must be one of: {', '.join(get_args(_Verdict))}"),
    ("length >= 1", "is empty"),
    ("matching regex", "is blank"),
    ("Expected `object`, got", "must be one JSON object with {names}"),
)


def _named(error: msgspec.ValidationError, fields: tuple[str, ...]) -> InputError:
    text = str(error)
    place = _PLACE.search(text)
    field = place[1] if place else ""
    if not field and (named := _FIELD.search(text)):
        field = named[1]
    names = ", ".join(fields)
    meant = next((meant.format(names=names) for phrase, meant in _MEANT if phrase in text), "")
    return InputError(meant or _PLACE.sub("", text).replace("`", ""), field=field or "the arguments")
