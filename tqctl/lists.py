"""`tqctl lists`: the lists that the sync made in LogRhythm; retire them, the uninstall step of the guide."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import Struct

from producers.cli.console import note
from producers.cli.tables import Grid
from tqctl.shell import Shell, lists_of, options_of_all
from workers.core.errors import ConfigError, InputError
from workers.ledger.acts import Auditor
from workers.ledger.sync_runs import keep_abandoned
from workers.listsync.plan.settings import collections_of, require_sync, types_of
from workers.listsync.run.abandoned import as_abandoned, empty_and_retire, find_abandoned
from workers.listsync.run.run import Tools
from workers.logrhythm.model import ListSummary
from workers.runtime import Runtime
from workers.settings.model import Settings


class OurList(Struct, frozen=True):
    """A list of ours as LogRhythm has it; `abandoned`: no data collection feeds it any more."""

    summary: ListSummary
    abandoned: bool = False

    @property
    def state(self) -> str:
        """What an operator is told of it."""
        return "abandoned" if self.abandoned else self.summary.status


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    showing = actions.add_parser("show", help="our lists and their entries", parents=[options_of_all()])
    showing.set_defaults(run=show)
    retiring = actions.add_parser(
        "retire",
        help="retire our lists; LogRhythm cannot delete any, and one that a collection feeds keeps its entries",
        parents=[options_of_all()],
    )
    retiring.add_argument(
        "--name", action="append", default=[], help="only this list; may be given several times"
    )
    retiring.add_argument(
        "--abandoned",
        action="store_true",
        help="only lists that no data collection feeds any more; our entries are taken out of them first",
    )
    retiring.add_argument("--yes", action="store_true", help="do it; without this, only show which")
    retiring.set_defaults(run=retire)


def show(shell: Shell, _options: Namespace) -> int:
    """Show our lists."""
    runtime = Runtime(shell.settings, shell.admin.redis)
    settings = sync_settings(runtime)
    lists = _ours(settings, Tools.of(runtime, settings))
    shell.show([_as_json(item) for item in lists], lambda _: [_grid(lists)])
    return 0


def retire(shell: Shell, options: Namespace) -> int:
    """Retire our lists, or say which would be."""
    runtime = Runtime(shell.settings, shell.admin.redis)
    settings = sync_settings(runtime)
    tools = Tools.of(runtime, settings)
    ours = [item for item in _ours(settings, tools) if item.abandoned or not options.abandoned]
    wanted = [item for item in _named(ours, options.name) if not item.summary.is_retired]
    if options.yes:
        wanted = [_retired(tools, item, shell.audit) for item in wanted]
        keep_abandoned(runtime.redis, [as_abandoned(item) for item in _abandoned(settings, tools)])
    shell.show([_as_json(item) for item in wanted], lambda _: [_grid(wanted)])
    if not options.yes and wanted:
        note(f"nothing was changed; --yes {_what(options)}")
    return 0


def _what(options: Namespace) -> str:
    if options.abandoned:
        return "takes our entries out of these and retires them"
    return "retires these. Stop beat first, or the next sync brings them back"


def _retired(tools: Tools, item: OurList, audit: Auditor) -> OurList:
    """Retire a list; one that is abandoned is emptied of our entries first."""
    if not item.abandoned:
        return OurList(tools.retire(item.summary, audit))
    with TemporaryDirectory(prefix="tq-retire-") as folder:
        return OurList(empty_and_retire(tools, item.summary, Path(folder), audit))


def sync_settings(runtime: Runtime) -> Settings:
    """Return the settings with those of LogRhythm's page; raises ConfigError while it is disabled or incomplete."""
    settings = runtime.sync_settings()
    if settings is None:
        raise ConfigError(
            f"{runtime.settings.logrhythm_connector_name} is not enabled in ThreatQ; enable it on its page",
            field="connector",
        )
    require_sync(settings)
    return settings


def _named(ours: list[OurList], names: list[str]) -> list[OurList]:
    """Return the lists of these names, all if none is given; raises InputError for a name that none of them has."""
    known = {item.summary.name for item in ours}
    for name in names:
        if name not in known:
            raise InputError(
                f"{name!r} is no list of ours; there are {', '.join(sorted(known)) or 'none'}", field="--name"
            )
    return [item for item in ours if not names or item.summary.name in names]


def _ours(settings: Settings, tools: Tools) -> list[OurList]:
    """Return the lists that the data collections feed, and those that none feeds any more."""
    fed = [OurList(item) for item in lists_of(settings, tools.logrhythm.lists)]
    return fed + [OurList(item, abandoned=True) for item in _abandoned(settings, tools)]


def _abandoned(settings: Settings, tools: Tools) -> list[ListSummary]:
    return find_abandoned(tools, collections_of(settings), types_of(settings))


def _as_json(item: OurList) -> dict[str, Any]:
    summary = item.summary
    return {
        "name": summary.name,
        "status": summary.status,
        "entries": summary.entry_count,
        "guid": summary.guid,
        "abandoned": item.abandoned,
    }


def _grid(lists: list[OurList]) -> Grid:
    rows = [
        [item.summary.name, item.summary.list_type, item.state, f"{item.summary.entry_count:,}"]
        for item in lists
    ]
    return Grid("", ("List", "Type", "Status", "Entries"), rows, "no list")
