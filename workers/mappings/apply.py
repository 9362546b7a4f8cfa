"""A document through its mapping: out comes a payload of the dialect, and what the dialect has no field for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from workers.core.errors import InputError
from workers.core.times import read_time
from workers.mappings.expressions import Evaluation, Expression, NoValue, TakesTooLong
from workers.mappings.model import IndicatorRule, Mapping, Named, SideRules
from workers.mappings.values import is_empty

#: Indicators, other values, and elements of one document that are made; a mapping that gives more is refused as wrong.
MOST_INDICATORS, MOST_VALUES, MOST_EVENTS = 1_000, 1_000, 1_000

#: The field of an element that holds what `keep` takes from the document around it.
OUTER = "outer"

#: What senders write where there is no person.
_NO_IDENTITY = frozenset(("-", "n/a", "none", "null", "unknown", "(no user)"))


class MappedEvent(Struct, frozen=True):
    """What a mapping makes of a document: a payload as the dialect has it, and what that has no field for."""

    payload: dict[str, Any]
    group_by: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def elements(mapping: Mapping, document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the documents that a document holds, itself where the mapping names no `each`; raises InputError."""
    if mapping.each is None:
        return [document]
    evaluation = Evaluation(document, mapping.functions)
    items = _or_refuse(evaluation, mapping, mapping.each)
    objects = [item for item in _flat([items]) if isinstance(item, dict)]
    if not objects:
        raise InputError(
            f"mapping {mapping.name}: {mapping.each.place}: `{mapping.each.text}` gives no object"
        )
    if len(objects) > MOST_EVENTS:
        raise InputError(
            f"mapping {mapping.name}: {len(objects)} events in one document are more than {MOST_EVENTS}; "
            "send it in parts"
        )
    outer = {name: evaluation.value(expression) for name, expression in mapping.keep}
    return [{**item, OUTER: outer} for item in objects] if outer else objects


def apply_mapping(mapping: Mapping, document: dict[str, Any]) -> MappedEvent:
    """Return the event of a document, or of an element where the mapping names `each`.

    Raises InputError that names the expression where it has no title or type, gives more values than an event can
    have, or takes too long. What else cannot be worked out is left out, with a warning.
    """
    return _Application(mapping, document).event()


class _Application:
    """One document on its way through one mapping."""

    def __init__(self, mapping: Mapping, document: dict[str, Any]) -> None:
        self.mapping = mapping
        self.fields = mapping.fields
        self.document = document
        self.warnings: list[str] = []
        self.evaluation = Evaluation(document, mapping.functions, mapping.let)
        self.at_work = mapping.match

    def event(self) -> MappedEvent:
        """Work out every field in turn."""
        severity = self._text(self.fields.severity) or ""
        payload = {
            **self._essentials(),
            "event_attributes": self._attributes(self.fields.attributes) + _pair("Severity", severity),
            **self._side("uri_source", self.fields.sources),
            **self._side("uri_target", self.fields.targets),
            "identity": self._identities(),
            "malware": self._texts(self.fields.malware, "malware"),
            "syslog_message": self._description(),
        }
        return MappedEvent(
            {name: value for name, value in payload.items() if not is_empty(value)},
            group_by=tuple(self._text(expression) or "" for expression in self.fields.group_by),
            assets=tuple(dict.fromkeys(self._texts(self.fields.assets, "assets"))),
            warnings=(*self.warnings, *(f"left out: {fault}" for fault in self.evaluation.faults)),
        )

    def _essentials(self) -> dict[str, Any]:
        fields = self.fields
        return {
            "event_name": self._needed(fields.event_name),
            "event_type": self._needed(fields.event_type),
            "event_happened_at": self._time(fields.event_happened_at),
            "event_source": self._text(fields.source) or self.mapping.title,
        }

    def _time(self, expression: Expression | None) -> Any:
        """Return when it happened, as the document has it; what is no time is left out, with a warning."""
        value = None if expression is None else self._value(expression)
        if is_empty(value):
            # What stands there in a document of another form is the time of a CloudEvent's envelope.
            return self.document.get("event_happened_at")
        try:
            read_time(value)
        except ValueError:
            place = f"{expression.place}: `{expression.text}`" if expression else ""
            self.warnings.append(f'left out: {place} gives "{_plain(value)[:80]}", which is no time')
            return None
        return value

    def _description(self) -> Any:
        given = self._value(self.fields.description) if self.fields.description else None
        return self.document if is_empty(given) else given

    def _needed(self, expression: Expression) -> str:
        value = _only(_or_refuse(self.evaluation, self.mapping, expression))
        if isinstance(value, dict | list) or is_empty(value) or not (text := _plain(value).strip()):
            what = (
                "gives nothing for this document" if is_empty(value) else f"gives {_kind(value)}, not a text"
            )
            raise InputError(f"mapping {self.mapping.name}: {expression.place}: `{expression.text}` {what}")
        return text

    def _value(self, expression: Expression) -> Any:
        """Return what an expression gives; null, with a warning, where it cannot be worked out."""
        self.at_work = expression
        try:
            return self.evaluation.value(expression)
        except NoValue as error:
            self.warnings.append(f"left out: {error}")
        except InputError as error:
            raise _refusal(self.mapping, error) from error
        return None

    def _text(self, expression: Expression | None) -> str | None:
        value = None if expression is None else _only(self._value(expression))
        if expression and isinstance(value, dict | list):
            self.warnings.append(
                f"left out: {expression.place}: `{expression.text}` gives {_kind(value)}, not a text"
            )
            return None
        return None if is_empty(value) else _plain(value)

    def _identities(self) -> list[str]:
        """Return the persons, without what senders write where there is none."""
        names = self._texts(self.fields.identity, "identity")
        return [name for name in names if name.strip().lower() not in _NO_IDENTITY]

    def _texts(self, expressions: Iterable[Expression], what: str) -> list[str]:
        values = _flat(self._value(expression) for expression in expressions)
        return [_plain(value) for value in self._bounded(values, MOST_VALUES, what)]

    def _attributes(self, rules: tuple[Named, ...]) -> list[dict[str, str]]:
        values = (
            {"name": name, "value": _plain(value)}
            for name, expressions in rules
            for value in _flat(self._value(expression) for expression in expressions)
        )
        return list(self._bounded(values, MOST_VALUES, "attributes"))

    def _side(self, field: str, rules: SideRules) -> dict[str, Any]:
        """Return the indicators of one side; its attributes only where there are any to put them on."""
        values = (item for rule in rules.indicators for item in self._indicators(rule))
        indicators = list(self._bounded(values, MOST_INDICATORS, "indicators"))
        attributes = self._attributes(rules.attributes) if indicators else []
        return {field: indicators, f"{field}_attributes": attributes}

    def _indicators(self, rule: IndicatorRule) -> Iterator[dict[str, Any]]:
        kind = self._text(rule.type)
        for value in _flat([self._value(rule.value)]):
            if isinstance(value, dict) and value.keys() <= {"type", "value"}:
                yield from (
                    {"type": value.get("type") or kind, "value": _plain(inner)}
                    for inner in _flat([value.get("value")])
                )
            else:
                yield {"type": kind, "value": _plain(value)}

    def _bounded(self, values: Iterable[Any], most: int, what: str) -> Iterator[Any]:
        for number, value in enumerate(values):
            if number == most:
                raise InputError(
                    f"mapping {self.mapping.name}: {self.at_work.place}: `{self.at_work.text}` gives more than {most} "
                    f"{what} for this document, which is no event but a list; correct it, or send the document in parts"
                )
            yield value


def _or_refuse(evaluation: Evaluation, mapping: Mapping, expression: Expression) -> Any:
    """Return a value without which there is no event; raises InputError that names the mapping."""
    try:
        return evaluation.value(expression)
    except InputError as error:
        raise _refusal(mapping, error) from error


def _refusal(mapping: Mapping, error: InputError) -> InputError:
    """Return an error of an expression with the name of its mapping."""
    text = f"mapping {mapping.name}: {error}"
    return TakesTooLong(text, mapping=mapping.name) if isinstance(error, TakesTooLong) else InputError(text)


def _only(value: Any) -> Any:
    """Return what a list of one holds, anything else as it is."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _pair(name: str, value: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value}] if value else []


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    """Yield the values in lists of whatever depth, empty ones left out."""
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        elif not is_empty(value):
            yield value


def _plain(value: Any) -> str:
    """Return a value as text; truth values as ThreatQ's own apps write them."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _kind(value: Any) -> str:
    return "an array" if isinstance(value, list) else "an object"
