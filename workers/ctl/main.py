"""tqctl: finds the subcommand in a table, reads its options and runs it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from msgspec import Struct

from workers.errors import TqError


class Subcommand(Struct, frozen=True):
    """What it is for, and the module that does it.

    The module has `add_arguments(parser)` and `run(options)`, which returns the exit code; its docstring is the
    help text. It is imported when it is called, so that no subcommand pays for another one's libraries.
    """

    summary: str
    module: str


#: Every subcommand; a new one is a line here and a module.
SUBCOMMANDS = {
    "srp-bundle": Subcommand(
        "write the SmartResponse plugin for LogRhythm", "producers.smart_response.bundle.command"
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit code."""
    name, *rest = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in ("-h", "--help"):
        print(overview())
        return 0
    if name not in SUBCOMMANDS:
        print(f"tqctl: there is no {name!r}\n\n{overview()}", file=sys.stderr)
        return 2
    module = import_module(SUBCOMMANDS[name].module)
    parser = argparse.ArgumentParser(prog=f"tqctl {name}", description=module.__doc__)
    module.add_arguments(parser)
    try:
        return int(module.run(parser.parse_args(rest)))
    except TqError as error:
        print(f"tqctl {name}: {error}", file=sys.stderr)
        return error.exit_code


def overview() -> str:
    """Return the list of subcommands."""
    width = max(map(len, SUBCOMMANDS))
    lines = [f"  {name:<{width}}  {one.summary}" for name, one in sorted(SUBCOMMANDS.items())]
    return "\n".join(
        ["usage: tqctl <subcommand> [options]", "", *lines, "", "tqctl <subcommand> --help tells more."]
    )


if __name__ == "__main__":
    sys.exit(main())
