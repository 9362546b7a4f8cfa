"""The file of a mapping: YAML is read and checked; each fault names the file, the line and the field."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

import yaml
from jmespath.functions import Functions
from msgspec import Struct

from workers.mappings.expressions import DOCUMENT, Expression, MappingFault, parse
from workers.mappings.model import FieldRules, IndicatorRule, Mapping, Named, SideRules

#: Bytes of a mapping file; a larger one is none.
MOST_BYTES = 262_144

#: How a mapping, and a name that `let` gives, may be called.
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
LET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}")

#: What there is in a file, and of the fields those with one expression and those with several.
TOP = ("name", "version", "title", "match", "priority", "each", "keep", "let", "fields")
TEXTS = ("event_name", "event_type", "event_happened_at", "source", "severity", "description")
LISTS = ("group_by", "identity", "malware", "assets")
FIELDS = (*TEXTS, *LISTS, "attributes", "sources", "source_attributes", "targets", "target_attributes")
NEEDED, NEEDED_FIELDS = ("name", "version", "match", "fields"), ("event_name", "event_type")

#: A version or priority is at most this.
MOST_NUMBER = 1_000_000

#: How YAML sees a plain word: `on` is no text but a truth value, and `5` a number.
_STRING, _NULL = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null"

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_mapping(text: str, file: str, functions: Functions, *, name: str) -> Mapping:
    """Read the mapping in `text`, called `name` as its file is, which may call `functions`; raises MappingFault."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise MappingFault(_yaml_fault(error, file)) from error
    return _Reader(file, functions).mapping(node, name)


def _yaml_fault(error: Exception, file: str) -> str:
    mark = getattr(error, "problem_mark", None)
    place = f"{file}:{mark.line + 1}" if mark else file
    return f"{place}: is no YAML: {getattr(error, 'problem', None) or error}"


class _Part(Struct, frozen=True):
    """A node of the file and what leads to it."""

    path: str
    node: Any


class _Reader:
    """Reads one file; `names` are those that `let` has given so far."""

    def __init__(self, file: str, functions: Functions) -> None:
        self.file = file
        self.functions = functions
        self.names: list[str] = []

    def mapping(self, node: Any, name: str) -> Mapping:
        """Read the whole file."""
        top = self._table(_Part("", node), TOP, needs=NEEDED)
        if (called := self._text(top["name"])) != name or not NAME.fullmatch(name):
            raise self._fault(
                top["name"], f"is {called!r}, but the file is {name!r}; small letters, digits and dashes"
            )
        match = self._expression(top["match"])
        each = self._expression(top["each"]) if "each" in top else None
        keep = tuple((key, self._expression(part)) for key, part in self._open_table(top.get("keep")))
        if keep and each is None:
            raise self._fault(top["keep"], "goes with `each` alone")
        let = tuple(self._let(top.get("let")))
        return Mapping(
            name=name,
            version=self._integer(top["version"], least=1),
            title=self._text(top["title"]) if "title" in top else name,
            file=self.file,
            match=match,
            fields=self._fields(top["fields"]),
            priority=self._integer(top["priority"]) if "priority" in top else 0,
            each=each,
            keep=keep,
            let=let,
            functions=self.functions,
        )

    def _let(self, part: _Part | None) -> Iterator[tuple[str, Expression]]:
        for key, inner in self._open_table(part):
            if not LET_NAME.fullmatch(key) or key == DOCUMENT:
                raise self._fault(inner, "is no name; write letters, digits and _")
            yield key, self._expression(inner)
            self.names.append(key)

    def _fields(self, part: _Part) -> FieldRules:
        fields = self._table(part, FIELDS, needs=NEEDED_FIELDS)
        rules: dict[str, Any] = {
            name: self._expression(part) if name in TEXTS else self._expressions(part)
            for name, part in fields.items()
            if name in TEXTS or name in LISTS
        }
        return FieldRules(
            **rules,
            attributes=self._attributes(fields.get("attributes")),
            sources=self._side(fields.get("sources"), fields.get("source_attributes")),
            targets=self._side(fields.get("targets"), fields.get("target_attributes")),
        )

    def _side(self, indicators: _Part | None, attributes: _Part | None) -> SideRules:
        rules = tuple(map(self._indicator, self._items(indicators))) if indicators else ()
        return SideRules(rules, self._attributes(attributes))

    def _indicator(self, part: _Part) -> IndicatorRule:
        if not isinstance(part.node, yaml.MappingNode):
            return IndicatorRule(self._expression(part))
        table = self._table(part, ("type", "value"), needs=("value",))
        return IndicatorRule(
            self._expression(table["value"]), self._expression(table["type"]) if "type" in table else None
        )

    def _attributes(self, part: _Part | None) -> tuple[Named, ...]:
        return tuple((key, self._expressions(inner)) for key, inner in self._open_table(part))

    def _expressions(self, part: _Part) -> tuple[Expression, ...]:
        return tuple(map(self._expression, self._items(part)))

    def _expression(self, part: _Part) -> Expression:
        text = self._text(part)
        if part.node.tag != _STRING:
            raise self._fault(
                part,
                f"must be a text, which YAML does not see in {text}; write '{text}' for a field of this name, "
                f'"`{text}`" for the value',
            )
        place = f"{self.file}:{part.node.start_mark.line + 1}: {part.path}"
        return parse(text, place, self.functions, self.names)

    def _items(self, part: _Part) -> list[_Part]:
        """Return the items of a list, or what stands in its place."""
        if not isinstance(part.node, yaml.SequenceNode):
            return [part]
        return [_Part(f"{part.path}[{number}]", node) for number, node in enumerate(part.node.value)]

    def _open_table(self, part: _Part | None) -> list[tuple[str, _Part]]:
        return list(self._table(part, None).items()) if part else []

    def _table(
        self, part: _Part, known: Collection[str] | None, *, needs: Collection[str] = ()
    ) -> dict[str, _Part]:
        """Return the entries of a table, whose keys are among `known` if that is not None."""
        if not isinstance(part.node, yaml.MappingNode):
            raise self._fault(
                part, f"must be a table with {', '.join(known) if known else 'names and expressions'}"
            )
        table: dict[str, _Part] = {}
        for key_node, node in part.node.value:
            key = str(key_node.value)
            inner = _Part(f"{part.path}.{key}" if part.path else key, node)
            if known is not None and key not in known:
                raise self._fault(_Part(inner.path, key_node), f"is not known; there are {', '.join(known)}")
            if key in table:
                raise self._fault(_Part(inner.path, key_node), "stands there twice")
            table[key] = inner
        for key in needs:
            if key not in table:
                raise self._fault(part, f"{key} is missing")
        return table

    def _text(self, part: _Part) -> str:
        node = part.node
        if not isinstance(node, yaml.ScalarNode) or node.tag == _NULL or not node.value.strip():
            raise self._fault(part, "must be a text")
        return str(node.value).strip()

    def _integer(self, part: _Part, *, least: int = -MOST_NUMBER) -> int:
        text = self._text(part)
        if not text.removeprefix("-").isdecimal() or not least <= int(text[:9]) <= MOST_NUMBER:
            raise self._fault(part, f"must be a whole number{' from 1' if least == 1 else ''}")
        return int(text)

    def _fault(self, part: _Part, reason: str) -> MappingFault:
        line = part.node.start_mark.line + 1 if part.node is not None else 1
        return MappingFault(f"{self.file}:{line}: {part.path + ' ' if part.path else ''}{reason}")
