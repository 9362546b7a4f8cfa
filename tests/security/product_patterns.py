"""Every regular expression of the product, with the ways in which it is used."""

from __future__ import annotations

import ast
import functools
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]

#: How a call of a pattern is measured; `sub` reads on behind each match, as the others of its line do.
METHODS = {"match": "match", "fullmatch": "fullmatch", "search": "search"} | dict.fromkeys(
    ("sub", "subn", "split", "findall", "finditer"), "sub"
)


#: Where patterns are made that an operator writes (the setting redact), which no test can know.
OPERATORS_OWN = "workers.settings.redaction"


class Use(NamedTuple):
    """A pattern, where it stands and how it is used."""

    place: str
    pattern: re.Pattern[Any]
    method: str


@functools.cache
def modules() -> list[tuple[str, ast.Module]]:
    """Return every module of the product with its tree."""
    paths = [
        path for room in ("workers", "producers", "tqctl") for path in sorted((ROOT / room).rglob("*.py"))
    ]
    return [(_module(path), ast.parse(path.read_text())) for path in paths]


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def uses() -> list[Use]:
    """Return every use of every pattern; what is never used by its name is taken as searched with."""
    checked = []
    trees = [tree for _, tree in modules()]
    for name, tree in modules():
        for attribute, pattern in vars(importlib.import_module(name)).items():
            if isinstance(pattern, re.Pattern) and _assigns(tree, attribute):
                users = [tree] if attribute.startswith("_") else trees
                checked += [Use(f"{name}.{attribute}", pattern, how) for how in _methods(attribute, users)]
        checked += [
            Use(f"{name}:{call.lineno}", re.compile(_literal(call)), METHODS[call.func.attr])
            for call in calls(tree)
            if call.func.attr in METHODS and _literal(call) is not None
        ]
    return checked


def calls(tree: ast.AST) -> Iterator[Any]:
    """Yield every call of a function of `re` that takes a pattern."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of_re = isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
            if of_re and (node.func.attr in METHODS or node.func.attr == "compile"):
                yield node


def unseen() -> list[str]:
    """Return the places of patterns that `uses` does not find: made in a function, or not under a name."""
    places = []
    for name, tree in modules():
        named = {id(node.value) for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)}
        places += [
            f"{name}:{call.lineno}"
            for call in calls(tree)
            if (id(call) not in named if call.func.attr == "compile" else _literal(call) is None)
            and name != OPERATORS_OWN
        ]
        places += [
            f"{name}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "re"
        ]
    return places


def _literal(call: ast.Call) -> Any:
    first = call.args[0]
    return first.value if isinstance(first, ast.Constant) else None


def _assigns(tree: ast.Module, name: str) -> bool:
    return any(
        isinstance(target, ast.Name) and target.id == name
        for node in tree.body
        for target in (getattr(node, "targets", None) or [getattr(node, "target", None)])
    )


def _methods(name: str, trees: list[ast.Module]) -> list[str]:
    """Return how some modules use a pattern of a name."""
    used = {METHODS[method] for tree in trees for method in _called(tree).get(name, ())}
    return sorted(used) or ["search"]


@functools.cache
def _called(tree: ast.Module) -> dict[str, set[str]]:
    """Return which methods of a pattern a module uses, by the name before the dot."""
    methods: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in METHODS and isinstance(node.value, ast.Name):
            methods.setdefault(node.value.id, set()).add(node.attr)
    return methods
