"""Every test says what it expects where it can be read, and no test file is long."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
SUPPORT = TESTS / "support"

#: Lines above which a test file is divided by idea.
LONGEST_FILE = 400

#: Calls that say what is expected: pytest's, and `expect` of the browser's driver.
EXPECTATIONS = {"pytest.raises", "pytest.warns", "pytest.fail", "expect"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def functions(path: Path) -> dict[str, Function]:
    """Return the functions that a file defines outside of classes, by name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, Function)}


@cache
def shared_helpers() -> dict[str, Function]:
    """Return the functions that tests share, by name."""
    return {name: node for path in SUPPORT.rglob("*.py") for name, node in functions(path).items()}


def each_test(path: Path) -> Iterator[Function]:
    """Yield the tests of a file, those in classes too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Function) and node.name.startswith("test_"):
            yield node


def says_what_it_expects(
    node: Function, helpers: dict[str, Function], seen: frozenset[str] = frozenset()
) -> bool:
    """Tell whether a function asserts, itself or by a helper that it calls by name."""
    for part in ast.walk(node):
        if isinstance(part, ast.Assert):
            return True
        if isinstance(part, ast.Call):
            name = ast.unparse(part.func)
            if name in EXPECTATIONS:
                return True
            helper = helpers.get(name) if name not in seen else None
            if helper and says_what_it_expects(helper, helpers, seen | {name}):
                return True
    return False


def test_each_test_says_what_it_expects() -> None:
    silent = [
        f"{path.relative_to(TESTS)}::{test.name}"
        for path in sorted(TESTS.rglob("test_*.py"))
        for test in each_test(path)
        if not says_what_it_expects(test, {**shared_helpers(), **functions(path)})
    ]
    assert not silent, "\n".join(silent)


def test_no_test_file_is_long() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in TESTS.rglob("*.py")}
    long = [
        f"{path.relative_to(TESTS)}: {count}" for path, count in sorted(lines.items()) if count > LONGEST_FILE
    ]
    assert not long, "\n".join(long)
