"""How the code is laid out, in figures: `python -m tools.structure [--json] [FOLDER]`.

Reads files and runs none of them, so that it can measure any commit, one from before the rooms too.
"""

from __future__ import annotations

import argparse
import ast
import json
import statistics
from collections.abc import Mapping
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).resolve().parents[1]

#: What is delivered.
PRODUCT = ("workers", "producers", "tqctl", "sandbox")

#: How high each package stands; an import of one that stands higher runs back up.
HEIGHT = {"workers": 0, "producers": 1, "sandbox": 1, "tqctl": 2, "chaos": 3, "benchmarks": 4, "tools": 5}

#: Lines up to which a file is no more than the head of its package.
MOST_LINES_OF_A_HEAD = 2

#: Lines up to which a file with one public definition is counted as a small one.
MOST_LINES_OF_A_SMALL_FILE = 40

#: Which modules, or rooms, each one imports.
Graph = Mapping[str, set[str]]


class SourceFile(Struct, frozen=True):
    """A file of ours: its module, how many lines it has, and its syntax."""

    module: str
    lines: int
    tree: ast.Module

    @property
    def is_product(self) -> bool:
        """Tell whether it is delivered and holds more than the head of a package."""
        return self.module.partition(".")[0] in PRODUCT and self.lines > MOST_LINES_OF_A_HEAD

    @property
    def public_definitions(self) -> int:
        """How many public functions and classes stand at its top level."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        return sum(isinstance(node, kinds) and not node.name.startswith("_") for node in self.tree.body)


def main() -> None:
    """Print the figures of a folder, of this project where none is named."""
    parser = argparse.ArgumentParser(prog="python -m tools.structure", description="The layout in figures.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT, help="a checkout (default: this one)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    options = parser.parse_args()
    measured = figures(read(options.folder))
    if options.json:
        print(json.dumps(measured))
    else:
        print("\n".join(f"{what}: {figure:g}" for what, figure in measured.items()))


def read(folder: Path) -> dict[str, SourceFile]:
    """Return every file of ours in a checkout, by the name of its module."""
    paths = [path for package in HEIGHT for path in (folder / package).rglob("*.py")]
    files = {}
    for path in sorted(paths):
        text = path.read_text(encoding="utf-8")
        parts = path.relative_to(folder).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        files[module] = SourceFile(module, len(text.splitlines()), ast.parse(text))
    return files


def figures(files: Mapping[str, SourceFile]) -> dict[str, float]:
    """Return every figure by what it counts."""
    product = [file for file in files.values() if file.is_product]
    lines = sum(file.lines for file in product)
    public = sum(file.public_definitions for file in product)
    edges = imports(files)
    rooms = among_rooms(edges)
    return {
        "product files": len(product),
        "median lines of a file": statistics.median(file.lines for file in product),
        "lines in all": lines,
        "floors of imports among the rooms of workers": longest(rooms),
        "imports that run back up between packages": len(upward(edges)),
        "files of the longest chain of imports": longest(edges),
        "circles": sum(len(group) > 1 for group in circles(edges)),
        "loose files at the root of workers": len(loose(files)),
        "public functions and classes per 1,000 lines": round(1000 * public / max(lines, 1), 1),
        "files of at most 40 lines with one public definition": sum(
            file.lines <= MOST_LINES_OF_A_SMALL_FILE and file.public_definitions == 1 for file in product
        ),
    }


def imports(files: Mapping[str, SourceFile]) -> dict[str, set[str]]:
    """Return which files of ours each one imports, for types alone too."""

    def named(node: ast.Import | ast.ImportFrom) -> set[str]:
        if isinstance(node, ast.Import):
            return {alias.name for alias in node.names}
        parts = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        return {name if name in files else str(node.module) for name in parts.values()}

    edges = {}
    for module, file in files.items():
        nodes = [node for node in ast.walk(file.tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        edges[module] = {name for node in nodes for name in named(node)} & files.keys() - {module}
    return edges


def among_rooms(edges: Graph) -> dict[str, set[str]]:
    """Return which rooms of `workers` each one imports; a file at the root of `workers` is a room of its own."""
    rooms: dict[str, set[str]] = {}
    for module, names in edges.items():
        if room := room_of(module):
            rooms.setdefault(room, set()).update(filter(None, map(room_of, names)))
    return {room: names - {room} for room, names in rooms.items()}


def room_of(module: str) -> str:
    """Return the room of `workers` in which a module lies, "" for one outside."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "workers" and len(parts) > 1 else ""


def upward(edges: Graph) -> list[tuple[str, str]]:
    """Return the imports of a package that stands higher: the importing file, and what it imports."""

    def height(module: str) -> int:
        return HEIGHT[module.partition(".")[0]]

    return [
        (module, name) for module, names in edges.items() for name in names if height(name) > height(module)
    ]


def loose(files: Mapping[str, SourceFile]) -> list[str]:
    """Return the modules that lie at the root of `workers`, in no room of it."""
    packages = {name.rpartition(".")[0] for name in files}
    return [name for name in files if room_of(name) == name and name not in packages]


def circles(edges: Graph) -> list[tuple[str, ...]]:
    """Return the files grouped so that those of one group reach one another; most groups hold one file."""
    reach = {module: reached(edges, module) for module in edges}
    groups = {
        tuple(sorted({module} | {name for name in reach[module] if module in reach[name]}))
        for module in edges
    }
    return sorted(groups)


def reached(edges: Graph, start: str) -> set[str]:
    """Return all that `start` imports, itself or by way of what it imports."""
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        new = edges[ahead.pop()] - seen
        seen |= new
        ahead += new
    return seen


def longest(edges: Graph) -> int:
    """Return the length of the longest chain of imports; a circle counts as one link."""
    group_of = {module: group for group in circles(edges) for module in group}
    links = {
        group: {group_of[name] for module in group for name in edges[module]} - {group}
        for group in set(group_of.values())
    }

    @cache
    def length(group: tuple[str, ...]) -> int:
        return 1 + max(map(length, links[group]), default=0)

    # From the ground up, so that no call is deeper than one link.
    return max(map(length, TopologicalSorter(links).static_order()), default=0)


if __name__ == "__main__":
    main()
