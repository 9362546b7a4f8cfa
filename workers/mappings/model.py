"""A mapping as values, ready to be applied."""

from __future__ import annotations

from collections.abc import Iterator

from jmespath.functions import Functions
from msgspec import Struct

from workers.mappings.expressions import Expression

#: A name and the expressions that give its values.
Named = tuple[str, tuple[Expression, ...]]


class IndicatorRule(Struct, frozen=True):
    """Where a mapping finds indicators; without `type` each is told by its form."""

    value: Expression
    type: Expression | None = None


class SideRules(Struct, frozen=True):
    """The indicators of one side of an event, sources or targets, and the attributes that each of them gets."""

    indicators: tuple[IndicatorRule, ...] = ()
    attributes: tuple[Named, ...] = ()


class FieldRules(Struct, frozen=True):
    """What each part of an event is made of."""

    event_name: Expression
    event_type: Expression
    event_happened_at: Expression | None = None
    source: Expression | None = None
    severity: Expression | None = None
    description: Expression | None = None
    group_by: tuple[Expression, ...] = ()
    attributes: tuple[Named, ...] = ()
    identity: tuple[Expression, ...] = ()
    malware: tuple[Expression, ...] = ()
    assets: tuple[Expression, ...] = ()
    sources: SideRules = SideRules()
    targets: SideRules = SideRules()


class Mapping(Struct, frozen=True):
    """A mapping: which documents it is for, and how each becomes an event. `file` is where it was read,
    `functions` what its expressions may call.

    `each` makes several events of one document; each element keeps of the document around it what `keep` names.
    """

    name: str
    version: int
    title: str
    file: str
    match: Expression
    fields: FieldRules
    priority: int = 0
    each: Expression | None = None
    keep: tuple[tuple[str, Expression], ...] = ()
    let: tuple[tuple[str, Expression], ...] = ()
    functions: Functions | None = None

    def rules(self) -> Iterator[tuple[str, Expression]]:
        """Yield each field that the mapping fills, and the expressions that give its values."""
        fields = self.fields
        for name in ("event_name", "event_type", "event_happened_at", "source", "severity", "description"):
            if expression := getattr(fields, name):
                yield name, expression
        for name in ("group_by", "identity", "malware", "assets"):
            yield from ((name, expression) for expression in getattr(fields, name))
        yield from _named("attributes", fields.attributes)
        for name, side in (("sources", fields.sources), ("targets", fields.targets)):
            yield from ((name, rule.value) for rule in side.indicators)
            yield from _named(f"{name} attributes", side.attributes)


def _named(field: str, rules: tuple[Named, ...]) -> Iterator[tuple[str, Expression]]:
    for name, expressions in rules:
        yield from ((f"{field}: {name}", expression) for expression in expressions)
