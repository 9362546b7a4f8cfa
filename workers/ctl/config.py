"""`tqctl config`: every setting as it is in effect, where it came from, secrets as stars."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

from workers.config import Loaded, fields
from workers.ctl.shell import Shell, columns_of
from workers.ctl.tables import Grid, Shown


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("names", nargs="*", metavar="SETTING", help="only these")
    parser.add_argument("--changed", action="store_true", help="only what is not the default")


def run(shell: Shell, options: Namespace) -> int:
    """Show the settings."""
    wanted = set(options.names)
    rows = [
        row
        for row in effective(shell.loaded)
        if (not wanted or row["setting"] in wanted) and (not options.changed or row["origin"] != "default")
    ]
    file = str(shell.loaded.path) if shell.loaded.has_file else None
    shell.show({"file": file, "looked_for": str(shell.loaded.path), "settings": rows}, _words)
    return 0


def effective(loaded: Loaded) -> list[dict[str, str]]:
    """Return each setting's name, value as it may be shown, origin and meaning."""
    return [
        {
            "setting": name,
            "value": loaded.shown(name),
            "origin": loaded.origins.get(name, "default"),
            "meaning": annotation.__metadata__[0].description,
        }
        for name, annotation in fields().items()
    ]


def _words(value: dict[str, Any]) -> Iterator[Shown]:
    yield f"tq.yaml: {value['file'] or 'none; looked for at ' + value['looked_for']}"
    rows = [columns_of(row, "setting", "value", "origin") for row in value["settings"]]
    yield Grid("", ("setting", "value", "origin"), rows, "no setting differs from its default")
