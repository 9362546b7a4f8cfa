"""The reference of mappings, made from the code: `python -m tools.mapping_pages` writes docs/reference/mappings.md."""

from __future__ import annotations

import inspect
from pathlib import Path

from workers.mappings.folder import shipped
from workers.mappings.functions import MappingFunctions

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "mappings.md"

_HEAD = """\
# Mappings: what is shipped, and functions

How to write one: [Any JSON becomes an event](../mappings.md). Made from `workers/mappings/` by `make docs`.

## Shipped

| name | version | for |
|---|---|---|
"""

_FUNCTIONS = """
## Functions

Beside [JMESPath's own](https://jmespath.org/specification.html#built-in-functions). Null in, null out: none of them
fails for want of a value.

| function | gives |
|---|---|
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())


def page() -> str:
    """Return the page as Markdown."""
    mappings = sorted(shipped(), key=lambda mapping: mapping.name)
    rows = [f"| `{mapping.name}` | {mapping.version} | {mapping.title} |" for mapping in mappings]
    return _HEAD + "\n".join(rows) + "\n" + _FUNCTIONS + "\n".join(functions()) + "\n"


def functions() -> list[str]:
    """Return a row for each function of ours, from the first line of what it says of itself."""
    lines = [inspect.getdoc(method) or "" for method in vars(MappingFunctions).values() if callable(method)]
    rows = [line.splitlines()[0].partition("`: ") for line in lines if line.startswith("`")]
    return [f"| {name}` | {meaning} |" for name, _, meaning in sorted(rows)]


if __name__ == "__main__":
    main()
