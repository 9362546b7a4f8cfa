"""`tqctl lists`: the lists that the sync made in LogRhythm; retire them, the uninstall step of the guide."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from producers.cli.console import note
from tqctl.output import Grid
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
    here = Runtime(shell.settings)
    found = _ours(here)
    shell.show([_told(one) for one in found], lambda _: [_grid(found)])
    return 0


def retire(shell: Shell, options: Namespace) -> int:
    """Retire our lists, or say which would be."""
    here = Runtime(shell.settings)
    settings = sync_settings(here)
    wanted = [one for one in _named(_ours(here), options.name) if not one.is_retired]
    if options.yes:
        tools = Tools.of(here, settings)
        wanted = [tools.logrhythm.retire_list(one) for one in wanted]
        for one in wanted:
            tools.manifests.forget(one.guid)
    shell.show([_told(one) for one in wanted], lambda _: [_grid(wanted)])
    if not options.yes and wanted:
        note("nothing was changed; --yes retires these. Stop beat first, or the next sync brings them back")
    return 0


def _named(ours: list[ListSummary], names: list[str]) -> list[ListSummary]:
    """Return the lists of these names, all if none is given; raises InputError for a name that none of them has."""
    known = {one.name for one in ours}
    for name in names:
        if name not in known:
            raise InputError(
                f"{name!r} is no list of ours; there are {', '.join(sorted(known)) or 'none'}", field="--name"
            )
    return [one for one in ours if not names or one.name in names]


def _ours(here: Runtime) -> list[ListSummary]:
    settings = sync_settings(here)
    return lists_of(settings, here.logrhythm(settings).lists)


def _told(one: ListSummary) -> dict[str, Any]:
    return {"name": one.name, "status": one.status, "entries": one.entry_count, "guid": one.guid}


def _grid(found: list[ListSummary]) -> Grid:
    rows = [[one.name, one.list_type, one.status, f"{one.entry_count:,}"] for one in found]
    return Grid("", ("List", "Type", "Status", "Entries"), rows, "no list")
