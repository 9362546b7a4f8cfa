"""Every test says what it expects where it can be read, no test file is long, and no fixture is there twice."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]

#: Lines above which a test file is divided by idea.
LONGEST_FILE = 400

#: Calls that say what is expected: of pytest, of the browser's driver, of a state machine with invariants.
EXPECTATIONS = {"pytest.raises", "pytest.warns", "pytest.fail", "expect", "run_state_machine_as_test"}

#: Shared fixtures that a stage may make in another way: the acceptance tests have a Redis with workers, and LogRhythm
#: may serve TLS or another version.
OTHER_STAGES = {"redis_server", "redis_url", "logrhythm_config", "logrhythm_tls"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def functions(path: Path) -> dict[str, Function]:
    """Return the functions that a file defines outside of classes, by name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, Function)}


def each_test(path: Path) -> Iterator[Function]:
    """Yield the tests of a file, those in classes too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Function) and node.name.startswith("test_"):
            yield node


def says_what_it_expects(test: Function) -> bool:
    """Tell whether a test asserts, itself or by a helper whose name begins with `assert`."""
    return any(
        isinstance(part, ast.Assert)
        or (isinstance(part, ast.Call) and ast.unparse(part.func) in EXPECTATIONS)
        or (isinstance(part, ast.Call) and ast.unparse(part.func).startswith("assert_"))
        for part in ast.walk(test)
    )


def test_each_test_says_what_it_expects() -> None:
    silent = [
        f"{path.relative_to(TESTS)}::{test.name}"
        for path in sorted(TESTS.rglob("test_*.py"))
        for test in each_test(path)
        if not says_what_it_expects(test)
    ]
    assert not silent, "\n".join(silent)


def test_no_test_file_is_long() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in TESTS.rglob("*.py")}
    long = [
        f"{path.relative_to(TESTS)}: {count}" for path, count in sorted(lines.items()) if count > LONGEST_FILE
    ]
    assert not long, "\n".join(long)


@cache
def fixtures(path: Path) -> dict[str, Function]:
    """Return the fixtures that a file defines, by name."""
    return {
        name: node
        for name, node in functions(path).items()
        if any("pytest.fixture" in ast.unparse(decorator) for decorator in node.decorator_list)
    }


def extends(node: Function) -> bool:
    """Tell whether a fixture takes the one of its own name and adds to it."""
    return node.name in {argument.arg for argument in node.args.args}


def test_no_fixture_hides_a_shared_one() -> None:
    shared = fixtures(TESTS / "conftest.py")
    hiding = [
        f"{path.relative_to(TESTS)}: {name}"
        for path in sorted(TESTS.rglob("*.py"))
        for name, node in fixtures(path).items()
        if path != TESTS / "conftest.py" and name in set(shared) - OTHER_STAGES and not extends(node)
    ]
    assert not hiding, "\n".join(hiding)


def test_no_fixture_is_written_twice() -> None:
    homes: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("*.py")):
        for name, node in fixtures(path).items():
            start = 1 if ast.get_docstring(node) else 0
            body = [ast.dump(line) for line in node.body[start:]]
            homes.setdefault(f"{ast.dump(node.args)} {body}", []).append(f"{path.relative_to(TESTS)}: {name}")
    assert [same for same in homes.values() if len(same) > 1] == []
