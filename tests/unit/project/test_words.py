"""Code and pages speak in the words of the field: what earlier versions called otherwise is not called so again."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tokenize import TokenInfo

import pytest

ROOT = Path(__file__).resolve().parents[3]
PRODUCT = ("workers", "producers", "tqctl", "sandbox")
FOLDERS = (*PRODUCT, "tests", "chaos", "benchmarks", "tools")
PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY")),
]

#: Persons that are none: a process is "it", and people are workers, operators, analysts and senders.
PERSONS = "somebody|somebodys|someone|whoever|nobody|nobodys|everybody|everybodys|everyone|anybody|anyone|he|his|him"

#: Words of earlier versions that say nothing to a newcomer; docs/glossary.md has those that took their place.
OLD = "bells?|doorbell|doors?|desk|drains?|drained|rings|rang|rung|lonely"

RETIRED = re.compile(rf"\b(?:{PERSONS}|{OLD}|held deletes?)\b", re.IGNORECASE)

#: The same in names, where `held` means either deferred or pending.
IN_NAMES = re.compile(rf"(?:{PERSONS}|{OLD}|held)", re.IGNORECASE)

#: Names whose spelling is data (a field of HTTP answers, a setting, a Redis key), and a method of asyncio.
DATA_NAMES = {"door", "http_drain_s", "SYNC_HELD", "sync_held", "drain", "drain_events"}

#: Spellings in prose that are data: what stands in quotes or backticks, a flag, the field in a record.
DATA = re.compile(r'`[^`]*`|"[^"\n]*"|--door|\bdoor\b(?= \(the producer\))|\bdoor\b(?= of records)')

#: Shared in ThreatQ with all its users: the platform's own word.
THEIRS = re.compile(r"share it in ThreatQ with the account, or with everyone")

#: Names of variables and parameters that do not say what they hold, and the folders that are free of them.
VAGUE = {"one", "found", "told", "said", "here", "at"}
FREE_OF_VAGUE = PRODUCT

#: The one file that has to name them.
NAMES_THEM = "tests/unit/project/test_words.py"


def sources() -> list[Path]:
    """Return every Python file of ours."""
    files = (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))
    return [path for path in files if str(path.relative_to(ROOT)) != NAMES_THEM]


def prose(text: str) -> str:
    """Return `text` without what is data in it."""
    return THEIRS.sub("", DATA.sub("", text))


def is_retired(name: str) -> bool:
    """Tell whether one of the words that a name is made of is retired: `_HeldDeletes`, `held_deletes`."""
    return any(IN_NAMES.fullmatch(word) for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name))


def wrong_names(tokens: list[TokenInfo]) -> Iterator[TokenInfo]:
    for token in tokens:
        if token.type == tokenize.NAME and token.string not in DATA_NAMES and is_retired(token.string):
            yield token


def wrong_prose(tokens: list[TokenInfo]) -> Iterator[TokenInfo]:
    """Yield comments and docstrings (strings that begin a statement) with a retired word."""
    for before, token in pairwise(tokens):
        is_docstring = token.string.startswith('"""') and before.type not in (tokenize.OP, tokenize.NAME)
        text = token.string.strip('"') if is_docstring else token.string
        if (is_docstring or token.type == tokenize.COMMENT) and RETIRED.search(prose(text)):
            yield token


def fields(tree: ast.Module) -> set[ast.AST]:
    """Return the names of the fields of classes: their spelling is that of records and wires."""
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    return {line.target for class_ in classes for line in class_.body if isinstance(line, ast.AnnAssign)}


def pairs(tree: ast.Module) -> set[ast.AST]:
    """Return the parameters `one, other` of functions that compare two of a kind."""
    parameters = (node.args for node in ast.walk(tree) if isinstance(node, ast.arguments))
    return {arg for args in parameters if [arg.arg for arg in args] == ["one", "other"] for arg in args}


def vague_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield variables and parameters whose name does not say what they hold, with their lines."""
    exempt = fields(tree) | pairs(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            name = node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name = node.id
        else:
            continue
        if name in VAGUE and node not in exempt:
            yield name, node.lineno


def test_a_variable_is_named_by_what_it_holds() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for folder in FREE_OF_VAGUE
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name, line in vague_names(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not wrong, "\n".join(wrong)


def test_names_docstrings_and_comments_use_the_words_of_the_field() -> None:
    wrong = []
    for path in sources():
        text = path.read_text(encoding="utf-8")
        if is_retired(text):
            tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
            found = (*wrong_names(tokens), *wrong_prose(tokens))
            wrong += [f"{path.relative_to(ROOT)}:{token.start[0]}: {token.string}" for token in found]
    assert not wrong, "\n".join(wrong)


def test_file_names_use_the_words_of_the_field() -> None:
    names = [path.relative_to(ROOT) for path in sources()]
    assert [str(name) for name in names if is_retired(str(name))] == []


def test_no_message_speaks_of_a_person_that_is_none() -> None:
    persons = re.compile(rf"\b(?:{PERSONS})\b", re.IGNORECASE)
    files = [
        path
        for folder in PRODUCT
        for suffix in ("py", "lua", "html", "js")
        for path in (ROOT / folder).rglob(f"*.{suffix}")
    ]
    wrong = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in files
        for line in path.read_text(encoding="utf-8").splitlines()
        if persons.search(THEIRS.sub("", line))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_speaks_in_the_words_of_the_field(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert [line for line in text.splitlines() if RETIRED.search(prose(line))] == []
