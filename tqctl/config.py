"""`tqctl config`: every setting as it is in effect, where it came from, secrets as stars."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from producers.cli.console import note
from producers.cli.tables import Grid, Shown
from tqctl.shell import Shell, columns_of, with_pages
from workers.core.errors import InputError, TqError
from workers.settings.loading import Loaded
from workers.settings.model import fields, meaning


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.set_defaults(run=run)
    parser.add_argument("names", nargs="*", metavar="SETTING", help="only these")
    parser.add_argument(
        "--local", action="store_true", help="do not ask ThreatQ what the connectors' pages say"
    )
    parser.add_argument("--changed", action="store_true", help="only what is not the default")


def run(shell: Shell, options: Namespace) -> int:
    """Show the settings, those that the connectors' pages in ThreatQ decide included."""
    loaded = shell.loaded if options.local else _as_workers_see(shell.loaded)
    wanted = set(options.names)
    for name in options.names:
        if name not in fields():
            near = ", ".join(get_close_matches(name, fields(), n=3))
            hint = f"near it: {near}" if near else "tqctl config lists them all"
            raise InputError(f"there is no such setting; {hint}", field=name)
    rows = [
        row
        for row in effective(loaded)
        if (not wanted or row["setting"] in wanted) and (not options.changed or row["origin"] != "default")
    ]
    file = str(shell.loaded.path) if shell.loaded.has_file else None
    shell.show({"file": file, "looked_for": str(shell.loaded.path), "settings": rows}, _words)
    return 0


def _as_workers_see(loaded: Loaded) -> Loaded:
    try:
        return with_pages(loaded)
    except TqError as error:
        note(f"warning: what the connectors' pages in ThreatQ say is not known ({error})")
        return loaded


def effective(loaded: Loaded) -> list[dict[str, str]]:
    """Return each setting's name, value as it may be shown, origin and meaning."""
    return [
        {
            "setting": name,
            "value": loaded.shown(name),
            "origin": loaded.origins.get(name, "default"),
            "meaning": meaning(annotation),
        }
        for name, annotation in fields().items()
    ]


def _words(value: dict[str, Any]) -> Iterator[Shown]:
    yield f"tq.yaml: {value['file'] or 'none; looked for at ' + value['looked_for']}"
    rows = [columns_of(row, "setting", "value", "origin") for row in value["settings"]]
    yield Grid("", ("setting", "value", "origin"), rows, "none differs from its default")
