"""Which rule of a mapping gave which value of a document, and what of the document none of them took."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from workers.core.errors import InputError
from workers.mappings.expressions import Evaluation
from workers.mappings.model import Mapping
from workers.mappings.values import is_empty, text_of

#: Values of a document that are looked at.
_MOST_LEAVES = 2_000


class RuleValue(Struct, frozen=True):
    """What one expression gave, or why it gave nothing."""

    field: str
    place: str
    expression: str
    value: Any = None
    fault: str = ""


class MappingExplanation(Struct, frozen=True):
    """What each rule gave, and the paths and values of the document that no rule but the description took."""

    rules: list[RuleValue]
    left_out: dict[str, Any]


def explain_document(mapping: Mapping, document: dict[str, Any]) -> MappingExplanation:
    """Work out every rule of a mapping for a document, or an element of one; raises nothing for a rule that fails."""
    evaluation = Evaluation(document, mapping.functions, mapping.let)
    rules: list[RuleValue] = []
    for field, expression in mapping.rules():
        try:
            value, fault = evaluation.value(expression), ""
        except InputError as error:
            value, fault = None, str(error).removeprefix(f"{expression.place}: `{expression.text}`: ")
        rules.append(RuleValue(field, expression.place, expression.text, value, fault))
    values = [rule for rule in rules if rule.field != "description"]
    whole = {text for rule in values for text in _texts(rule.value)}
    joined = [text for rule in values if _joins(rule.expression) for text in _texts(rule.value) if text]
    left_out = {
        path: value
        for path, value in leaves(document)
        if (text := text_of(value)) not in whole and not any(str(text) in longer for longer in joined)
    }
    return MappingExplanation(rules, left_out)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of everything in a document that has no parts; `[]` stands for a list's elements."""
    waiting = [(path, value)]
    count = 0
    while waiting and count < _MOST_LEAVES:
        path, value = waiting.pop(0)
        if isinstance(value, dict):
            waiting[:0] = [
                (f"{path}.{written_key(name)}" if path else written_key(name), inner)
                for name, inner in value.items()
            ]
        elif isinstance(value, list):
            waiting[:0] = [(f"{path}[]", inner) for inner in value]
        elif not is_empty(value):
            count += 1
            yield path, value


def written_key(name: str) -> str:
    """Write a key as JMESPath takes it."""
    return name if name.isidentifier() and name.isascii() else json.dumps(name)


def _texts(value: Any) -> Iterator[str | None]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    else:
        yield text_of(value)


def _joins(expression: str) -> bool:
    """Tell whether an expression makes one text of several."""
    return "template(" in expression or "join" in expression
