"""The guide's YAML: which data collections become which list families; one base name makes a union of several."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NoReturn, cast, get_args

import yaml
from msgspec import Struct

from workers.core.errors import ConfigError
from workers.listsync.plan.naming import ListKey, SplitBy, family, same_name

FIELD = "sync_collections"
KEYS = ("baseName", "splitBy")
SPLITS: tuple[str, ...] = get_args(SplitBy)

EXAMPLE = """---
LogRhythm-IOCList:
  baseName: "ThreatQ: "
  splitBy: scoreRange"""


class MappedCollection(Struct, frozen=True):
    """A ThreatQ data collection by name, and how it is split into lists."""

    name: str
    split_by: SplitBy = "tqtype"


class ListFamily(Struct, frozen=True):
    """The lists of one base name, and the data collections whose union stands in them."""

    base_name: str
    collections: tuple[MappedCollection, ...]

    @classmethod
    def of(cls, name: str, base_name: str, split_by: SplitBy = "tqtype") -> ListFamily:
        """Return the family that one data collection feeds."""
        return cls(base_name, (MappedCollection(name, split_by),))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the data collections."""
        return tuple(collection.name for collection in self.collections)

    @property
    def name(self) -> str:
        """What runs and reports call it: the data collections in their order."""
        return " + ".join(self.names)

    def lists(self, types: Iterable[str]) -> dict[str, ListKey]:
        """Return every list that it can have, by name."""
        splits = dict.fromkeys(collection.split_by for collection in self.collections)
        types = tuple(types)
        return {name: key for split in splits for name, key in family(self.base_name, split, types).items()}


def family_of(families: Iterable[ListFamily], name: str) -> ListFamily | None:
    """Return the family of this name, or that which the data collection of this name feeds; None for neither."""
    return next((item for item in families if name == item.name or name in item.names), None)


def parse_mapping(text: str, types: tuple[str, ...]) -> tuple[ListFamily, ...]:
    """Read the YAML text; `types` are the indicator types that become lists.

    Raises ConfigError with the line, the key and the remedy.
    """
    root = _compose(text)
    if not isinstance(root, yaml.MappingNode) or not root.value:
        raise ConfigError(f"no data collection is named; write it like this:\n{EXAMPLE}", field=FIELD)
    pairs = _pairs(root, "data collection")
    families = _united([_collection(name, body) for name, body in pairs], types)
    _refuse_shared_lists(families, {name.value: name for name, _ in pairs}, types)
    return families


def _compose(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(
            f"line {line}: {error.problem or 'not YAML'}. Put names with a colon in quotes, indent with"
            f" blanks, and write it like this:\n{EXAMPLE}",
            field=FIELD,
        ) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"not YAML: {error}. Write it like this:\n{EXAMPLE}", field=FIELD) from error


def _pairs(node: yaml.MappingNode, what: str) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    """Return a mapping's keys and values; a key that stands twice is an error, not a silent overwrite."""
    seen: dict[str, int] = {}
    pairs: list[tuple[yaml.ScalarNode, yaml.Node]] = node.value
    for key, _ in pairs:
        if not isinstance(key, yaml.ScalarNode) or not key.value.strip():
            _fail(key, f"a {what} must be plain text")
        if key.value in seen:
            _fail(key, f"{key.value!r} stands on line {seen[key.value]} already; keep one of them")
        seen[key.value] = _line(key)
    return pairs


def _collection(name: yaml.ScalarNode, body: yaml.Node) -> ListFamily:
    if isinstance(body, yaml.ScalarNode):
        return _short_form(name, body)
    if not isinstance(body, yaml.MappingNode):
        _fail(body, f"{name.value!r} needs the keys baseName and, if wanted, splitBy below it")
    keys = {key.value: (key, value) for key, value in _pairs(body, "key")}
    for key, _ in keys.values():
        if key.value not in KEYS:
            _fail(key, f"unknown key {key.value!r} under {name.value!r}; {_meant(key.value, KEYS)}")
    if "baseName" not in keys:
        _fail(name, f'{name.value!r} has no baseName; add a line like   baseName: "ThreatQ: "')
    split_by = _split_by(*keys["splitBy"]) if "splitBy" in keys else "tqtype"
    return ListFamily.of(name.value, _base_name(*keys["baseName"]), split_by)


def _short_form(name: yaml.ScalarNode, body: yaml.ScalarNode) -> ListFamily:
    """Take `collection: "base name"`, which the guide's text describes."""
    if name.value in KEYS:
        _fail(name, f"{name.value!r} is not a data collection; indent it by two blanks below its collection")
    if not body.value:
        _fail(name, f'{name.value!r} has nothing below it; indent   baseName: "ThreatQ: "   by two blanks')
    return ListFamily.of(name.value, _base_name(name, body))


def _base_name(key: yaml.ScalarNode, value: yaml.Node) -> str:
    if not isinstance(value, yaml.ScalarNode) or not value.value.strip():
        _fail(key, f'{key.value}: the base name must be text, for example "ThreatQ: "')
    if not value.value.isprintable():
        _fail(value, f"{key.value}: {value.value!r} holds a line break or control character; remove it")
    return str(value.value)


def _split_by(key: yaml.ScalarNode, value: yaml.Node) -> SplitBy:
    if not isinstance(value, yaml.ScalarNode) or value.value not in SPLITS:
        given = value.value if isinstance(value, yaml.ScalarNode) else "a block"
        _fail(key, f"splitBy: {given!r} is not a way to split; {_meant(str(given), SPLITS)}")
    return cast(SplitBy, value.value)


def _united(singles: Iterable[ListFamily], types: tuple[str, ...]) -> tuple[ListFamily, ...]:
    """Make one family of the data collections that share a base name and a list."""
    united: list[ListFamily] = []
    for single in singles:
        names = single.lists(types).keys()
        sharing = [
            other
            for other in united
            if other.base_name == single.base_name and not names.isdisjoint(other.lists(types))
        ]
        for other in sharing[:1]:
            joined = ListFamily(other.base_name, (*other.collections, *single.collections))
            united[united.index(other)] = joined
        if not sharing:
            united.append(single)
    return tuple(united)


def _refuse_shared_lists(
    families: Iterable[ListFamily], keys: dict[str, yaml.ScalarNode], types: tuple[str, ...]
) -> None:
    owners: dict[str, ListFamily] = {}
    for item in families:
        for name in item.lists(types):
            owner = owners.setdefault(same_name(name), item)
            if owner != item:
                first, second = owner.names[0], item.names[0]
                _fail(
                    keys[second],
                    f"{first!r} (line {_line(keys[first])}) and {second!r} would both write the list {name!r}, and each"
                    " would delete the other's entries; give both the same baseName, letter by letter, and their union"
                    " feeds the lists, or give one of them another",
                )


def _meant(given: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(given.lower(), [name.lower() for name in known], n=1)
    match = next((name for name in known if close and name.lower() == close[0]), "")
    return f"did you mean {match!r}?" if match else f"use one of {', '.join(known)}"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _fail(node: yaml.Node, message: str) -> NoReturn:
    raise ConfigError(f"line {_line(node)}: {message}", field=FIELD)
