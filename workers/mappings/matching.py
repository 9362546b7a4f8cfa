"""Which mapping a document has: a look at its top-level fields leaves few whose `match` must be worked out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from collections.abc import Mapping as Table
from difflib import get_close_matches
from typing import Any

from msgspec import Struct

from workers.core.errors import InputError
from workers.mappings.expressions import Evaluation, MappingFault, TakesTooLong, walk
from workers.mappings.model import Mapping

#: Mappings that are named to the sender of a document that none is for, or of a name that none has.
NEAREST = 3

#: Characters of such a name that are compared and shown.
_LONGEST_NAME = 60

#: Ways in which a `match` can come true that are told apart; one with more is worked out for every document.
_MOST_WAYS = 16

#: Functions that fail, or are false, where their argument is missing.
_NEEDS_ARGUMENT = ("contains", "starts_with", "ends_with", "length", "keys")

#: The mapping of documents that no other is for, where a setting asks for one; it is never chosen by its `match`.
GENERIC = "generic"

#: Sets of top-level fields of which one must be there as a whole.
Ways = tuple[frozenset[str], ...]

_ANY: Ways = (frozenset(),)


class NearMapping(Struct, frozen=True):
    """A mapping that nearly is for a document, and what is in the way."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name} ({self.why})"


class _Candidate(Struct, frozen=True):
    mapping: Mapping
    ways: Ways
    fields: frozenset[str]


class Mappings:
    """The mappings that there are; `faults` says why others, by their names, cannot be used."""

    def __init__(
        self, mappings: Iterable[Mapping] = (), faults: Table[str, MappingFault] | None = None
    ) -> None:
        ordered = sorted(mappings, key=lambda mapping: (-mapping.priority, mapping.name))
        self._candidates = [
            _Candidate(mapping, _ways(mapping.match.node), _roots(mapping))
            for mapping in ordered
            if mapping.name != GENERIC
        ]
        self._by_field, self._always = _indexed(self._candidates)
        self._like = _likely(self._candidates)
        self._by_name = {mapping.name: mapping for mapping in ordered}
        self.faults = dict(faults or {})

    def __iter__(self) -> Any:
        return iter(self._by_name.values())

    def get(self, name: str) -> Mapping | None:
        """Return the mapping of this name, None where there is none or it cannot be used."""
        return self._by_name.get(name)

    def named(self, name: str) -> Mapping:
        """Return the mapping of this name; raises InputError that says which are like it, or what is wrong with it."""
        if name in self._by_name:
            return self._by_name[name]
        if name in self.faults:
            raise InputError(f"{name} cannot be used: {self.faults[name]}", field="mapping")
        names = sorted({*self._by_name, *self.faults})
        near = get_close_matches(name[:_LONGEST_NAME], names, NEAREST, cutoff=0.0)
        raise InputError(
            f"there is no {name[:_LONGEST_NAME]!r}; the nearest are {', '.join(near)}",
            field="mapping",
        )

    def choose(
        self, document: dict[str, Any], check: Callable[[Mapping], None] | None = None
    ) -> Mapping | None:
        """Return the first mapping whose `match` holds, by priority and then by name.

        Each that is tried is given to `check` before. Raises TakesTooLong, and what `check` does.
        """
        keys = document.keys()
        evaluation: Evaluation | None = None
        numbers = set(self._always).union(*(self._by_field.get(key, ()) for key in keys))
        for number in sorted(numbers):
            candidate = self._candidates[number]
            if any(way <= keys for way in candidate.ways):
                if check:
                    check(candidate.mapping)
                evaluation = evaluation or Evaluation(document, candidate.mapping.functions)
                if _holds(evaluation, candidate.mapping):
                    return candidate.mapping
        return None

    def nearest(self, document: dict[str, Any]) -> list[NearMapping]:
        """Return the mappings that come nearest to a document that none is for, the nearest first."""
        keys = frozenset(document)
        # A message may be a million documents that no mapping is for: only those that share a field are looked at.
        numbers = set(range(min(NEAREST, len(self._candidates)))).union(
            *(self._like.get(key, ()) for key in keys)
        )

        def likeness(number: int) -> tuple[float, float, int]:
            candidate = self._candidates[number]
            share = max(len(way & keys) / len(way) if way else 0.0 for way in candidate.ways)
            return -share, -len(candidate.fields & keys) / (len(candidate.fields) or 1), number

        ordered = [self._candidates[number] for number in sorted(numbers, key=likeness)[:NEAREST]]
        return [NearMapping(candidate.mapping.name, _why(candidate, keys)) for candidate in ordered]


def _holds(evaluation: Evaluation, mapping: Mapping) -> bool:
    """Tell whether a mapping is for a document; raises TakesTooLong with its name and the line."""
    try:
        return evaluation.holds(mapping.match)
    except TakesTooLong as error:
        raise TakesTooLong(f"mapping {mapping.name}: {error}", mapping=mapping.name) from error


def _indexed(candidates: list[_Candidate]) -> tuple[dict[str, tuple[int, ...]], tuple[int, ...]]:
    """Return which candidates a field leads to, by their numbers, and those that any document does.

    Each way stands under one field, that which the fewest ways have; a document without it has not the whole way.
    """
    often = Counter(field for candidate in candidates for way in candidate.ways for field in way)
    by_field: dict[str, set[int]] = {}
    for number, candidate in enumerate(candidates):
        for way in filter(None, candidate.ways):
            by_field.setdefault(min(way, key=lambda field: (often[field], field)), set()).add(number)
    always = tuple(number for number, candidate in enumerate(candidates) if not all(candidate.ways))
    return {field: tuple(numbers) for field, numbers in by_field.items()}, always


def _likely(candidates: list[_Candidate]) -> dict[str, list[int]]:
    """Return which candidates look at a field, by their numbers."""
    by_field: dict[str, list[int]] = {}
    for number, candidate in enumerate(candidates):
        for field in candidate.fields.union(*candidate.ways):
            by_field.setdefault(field, []).append(number)
    return by_field


def _why(candidate: _Candidate, keys: frozenset[str]) -> str:
    lacking = min((sorted(way - keys) for way in candidate.ways), key=len)
    if lacking:
        return f"has no {', '.join(lacking)}"
    text = candidate.mapping.match.text
    return f"is none for which `{text if len(text) <= 100 else text[:99] + '…'}` holds"


def _roots(mapping: Mapping) -> frozenset[str]:
    """Return the top-level fields of a document that a mapping looks at."""
    fields = mapping.fields
    attributes = [expression for _, group in fields.attributes for expression in group]
    lone = (fields.event_name, fields.event_type, fields.event_happened_at, mapping.match, mapping.each)
    return frozenset(
        name for expression in (*lone, *attributes) if expression for name in _named_first(expression.node)
    )


def _named_first(node: dict[str, Any]) -> set[str]:
    """Return every field that an expression looks up in the document itself."""
    if root := _root(node):
        return {root}
    return {str(part["value"]) for part in walk(node) if part["type"] == "field"}


def _root(node: dict[str, Any]) -> str:
    """Return the top-level field that a path begins with, "" for what is no path."""
    while node["type"] in ("subexpression", "index_expression", "projection", "filter_projection", "flatten",
                           "value_projection", "pipe"):  # fmt: skip
        node = node["children"][0]
    return str(node["value"]) if node["type"] == "field" else ""


def _ways(node: dict[str, Any]) -> Ways:
    """Return which top-level fields must be there for an expression to be true."""
    kind, children = node["type"], node.get("children", [])
    if kind == "or_expression":
        ways = tuple(way for child in children for way in _ways(child))
    elif kind == "and_expression":
        ways = tuple(left | right for left in _ways(children[0]) for right in _ways(children[1]))
    elif kind == "comparator":
        ways = _compared(node)
    elif kind == "function_expression":
        ways = _ways_of_path(children[0]) if node["value"] in _NEEDS_ARGUMENT else _ANY
    else:
        ways = _ways_of_path(node)
    return ways if len(ways) <= _MOST_WAYS else _ANY


def _compared(node: dict[str, Any]) -> Ways:
    """Return what a comparison needs: only one that nothing cannot pass needs anything."""
    left, right = node["children"]
    if node["value"] == "ne":
        return _ANY
    if node["value"] == "eq" and not (right["type"] == "literal" and right["value"] is not None):
        return _ANY
    return _ways_of_path(left)


def _ways_of_path(node: dict[str, Any]) -> Ways:
    root = _root(node)
    return (frozenset({root}),) if root else _ANY
