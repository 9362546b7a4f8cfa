"""`tqctl lists`: the lists that the sync made in LogRhythm; retire them, the uninstall step of the guide."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from producers.cli.console import note
from producers.cli.tables import Grid
from tqctl.shell import Shell, lists_of, options_of_all, sync_settings
from workers.core.errors import InputError
from workers.listsync.run.run import Tools
from workers.logrhythm.model import ListSummary
from workers.runtime import Runtime


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    showing = actions.add_parser("show", help="our lists and their entries", parents=[options_of_all()])
    showing.set_defaults(run=show)
    retiring = actions.add_parser(
        "retire",
        help="retire our lists; LogRhythm cannot delete any, and a retired one keeps its entries",
        parents=[options_of_all()],
    )
    retiring.add_argument(
        "--name", action="append", default=[], help="only this list; may be given several times"
    )
    retiring.add_argument("--yes", action="store_true", help="do it; without this, only show which")
    retiring.set_defaults(run=retire)


def show(shell: Shell, _options: Namespace) -> int:
    """Show our lists."""
    runtime = Runtime(shell.settings)
    lists = _ours(runtime)
    shell.show([_as_json(item) for item in lists], lambda _: [_grid(lists)])
    return 0


def retire(shell: Shell, options: Namespace) -> int:
    """Retire our lists, or say which would be."""
    runtime = Runtime(shell.settings)
    settings = sync_settings(runtime)
    wanted = [item for item in _named(_ours(runtime), options.name) if not item.is_retired]
    if options.yes:
        tools = Tools.of(runtime, settings)
        wanted = [tools.logrhythm.retire_list(item) for item in wanted]
        for item in wanted:
            tools.manifests.forget(item.guid)
    shell.show([_as_json(item) for item in wanted], lambda _: [_grid(wanted)])
    if not options.yes and wanted:
        note("nothing was changed; --yes retires these. Stop beat first, or the next sync brings them back")
    return 0


def _named(ours: list[ListSummary], names: list[str]) -> list[ListSummary]:
    """Return the lists of these names, all if none is given; raises InputError for a name that none of them has."""
    known = {item.name for item in ours}
    for name in names:
        if name not in known:
            raise InputError(
                f"{name!r} is no list of ours; there are {', '.join(sorted(known)) or 'none'}", field="--name"
            )
    return [item for item in ours if not names or item.name in names]


def _ours(runtime: Runtime) -> list[ListSummary]:
    settings = sync_settings(runtime)
    return lists_of(settings, runtime.logrhythm(settings).lists)


def _as_json(item: ListSummary) -> dict[str, Any]:
    return {"name": item.name, "status": item.status, "entries": item.entry_count, "guid": item.guid}


def _grid(lists: list[ListSummary]) -> Grid:
    rows = [[item.name, item.list_type, item.status, f"{item.entry_count:,}"] for item in lists]
    return Grid("", ("List", "Type", "Status", "Entries"), rows, "no list")
