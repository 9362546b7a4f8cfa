"""The guide's YAML: which data collections become which list families."""

from __future__ import annotations

from difflib import get_close_matches
from typing import NoReturn, cast, get_args

import yaml
from msgspec import Struct

from workers.core.errors import ConfigError
from workers.listsync.plan.naming import SplitBy, family, same_name

FIELD = "sync_collections"
KEYS = ("baseName", "splitBy")
SPLITS: tuple[str, ...] = get_args(SplitBy)

EXAMPLE = """---
LogRhythm-IOCList:
  baseName: "ThreatQ: "
  splitBy: scoreRange"""


class ListFamily(Struct, frozen=True):
    """A ThreatQ data collection by name, and the family of lists that it becomes."""

    name: str
    base_name: str
    split_by: SplitBy = "tqtype"


def parse_mapping(text: str, types: tuple[str, ...]) -> tuple[ListFamily, ...]:
    """Read the YAML text; `types` are the indicator types that become lists.

    Raises ConfigError with the line, the key and the remedy.
    """
    root = _compose(text)
    if not isinstance(root, yaml.MappingNode) or not root.value:
        raise ConfigError(f"no data collection is named; write it like this:\n{EXAMPLE}", field=FIELD)
    pairs = _pairs(root, "data collection")
    collections = tuple(_collection(name, body) for name, body in pairs)
    _refuse_shared_lists(dict(zip(collections, (name for name, _ in pairs), strict=True)), types)
    return collections


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
    return ListFamily(name.value, _base_name(*keys["baseName"]), split_by)


def _short_form(name: yaml.ScalarNode, body: yaml.ScalarNode) -> ListFamily:
    """Take `collection: "base name"`, which the guide's text describes."""
    if name.value in KEYS:
        _fail(name, f"{name.value!r} is not a data collection; indent it by two blanks below its collection")
    if not body.value:
        _fail(name, f'{name.value!r} has nothing below it; indent   baseName: "ThreatQ: "   by two blanks')
    return ListFamily(name.value, _base_name(name, body))


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


def _refuse_shared_lists(collections: dict[ListFamily, yaml.ScalarNode], types: tuple[str, ...]) -> None:
    owners: dict[str, ListFamily] = {}
    for collection, key in collections.items():
        for name in family(collection.base_name, collection.split_by, types):
            owner = owners.setdefault(same_name(name), collection)
            if owner != collection:
                _fail(
                    key,
                    f"{owner.name!r} (line {_line(collections[owner])}) and {collection.name!r} would both write the"
                    f" list {name!r}, and each would delete the other's entries; give one of them another baseName",
                )


def _meant(given: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(given.lower(), [name.lower() for name in known], n=1)
    match = next((name for name in known if close and name.lower() == close[0]), "")
    return f"did you mean {match!r}?" if match else f"use one of {', '.join(known)}"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _fail(node: yaml.Node, message: str) -> NoReturn:
    raise ConfigError(f"line {_line(node)}: {message}", field=FIELD)
