"""`tqctl migrate`: take over from ThreatQuotient's connectors; a checklist first, with --yes what can be taken over.

What is taken over is seen from what is set and from the lists themselves, so that it may be repeated, and goes on where
it was cut short.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from producers.cli import remembered
from producers.cli.console import note
from producers.smart_response.identity import read_identity
from tqctl.lists import sync_settings
from tqctl.migration.adoption import Adoption
from tqctl.migration.checklist import ChecklistItem, as_json, by_hand, open_question, taken, words
from tqctl.migration.files import read_configuration
from tqctl.migration.pages import take_pages
from tqctl.migration.registry import read_export, read_registry
from tqctl.shell import Shell
from tqctl.takeover import looked_at
from workers.core.errors import ServiceAway, TqError
from workers.ledger.acts import named
from workers.listsync.plan.settings import collections_of
from workers.runtime import Runtime
from workers.settings import file as settings_file
from workers.settings.loading import load
from workers.settings.model import Settings
from workers.settings.values import Given


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add(
        "--from",
        dest="folder",
        type=Path,
        metavar="FOLDER",
        help="their configuration folder, or a file in it (default: the one that the registry names)",
    )
    add(
        "--registry",
        type=Path,
        metavar="FILE",
        help="their registry key, exported by regedit (default: this machine's)",
    )
    add(
        "--plugin",
        type=Path,
        metavar="FILE",
        help="their SmartResponse plugin: the .lpi file or its actions.xml",
    )
    add("--no-lists", action="store_true", help="leave out the lists, each of which is read whole")
    add("--yes", action="store_true", help="take over what can be; without this, only show it")
    parser.set_defaults(run=run)
    parser.epilog = "docs/how-to/migrate.md goes through it step by step."


def run(shell: Shell, options: Namespace) -> int:
    """Show the checklist, and with --yes do what can be done; the exit code is that of the worst thing in its way."""
    kept = _registry(options.registry)
    plugin = list(_plugin(options.plugin))
    adoption = Adoption(shell.loaded, {}, [])
    _offer_files(adoption, options.folder, kept)
    adoption.prove()
    if adoption.reaches_threatq:
        take_pages(adoption)
    adoption.items += adoption.told(is_done=options.yes)
    settings = adoption.settings
    if options.yes and adoption.wanted:
        settings = _write(shell, adoption)
    items = [*adoption.items, *_log_folder(kept, shell.loaded.path.parent, is_done=options.yes)]
    if adoption.reaches_threatq and not options.no_lists:
        items += _lists(shell, settings, take=options.yes)
    items += [*plugin, *_by_hand()]
    shell.show(as_json(items), lambda _: words(items))
    if not options.yes and any(item.state == "can be taken over" for item in items):
        note("nothing was changed; --yes takes over what can be")
    return max(item.code for item in items)


def _registry(export: Path | None) -> dict[str, str]:
    if export is not None:
        return read_export(export)
    return read_registry(import_module("winreg")) if os.name == "nt" else {}


def _offer_files(adoption: Adoption, folder: Path | None, kept: dict[str, str]) -> None:
    """Offer what their configuration says; one that only the registry names may be on another machine."""
    if folder is None and kept.get("config") and not Path(kept["config"]).is_dir():
        remedy = "copy it to this machine and name it with --from"
        adoption.items.append(
            open_question("their configuration", f"{kept['config']} is not a folder here", remedy)
        )
        return
    place = folder or (Path(kept["config"]) if kept.get("config") else None)
    if place is None:
        remedy = r"name it with --from: /etc/tq_labs, L:\ThreatQ\config"
        adoption.items.append(open_question("their configuration", "no folder was named", remedy))
        return
    for file in read_configuration(place):
        adoption.offer({name: Given(text, str(file.path)) for name, text in file.values.items()})


def _write(shell: Shell, adoption: Adoption) -> Settings:
    """Write what is wanted into tq.yaml, keep a copy of the earlier one, and record it; returns the settings then."""
    path = adoption.loaded.path
    there = settings_file.read(path) if settings_file.is_there(path) else {}
    texts = {name: given.text for name, given in adoption.wanted.items()}
    copy = settings_file.write(path, {**{name: line.text for name, line in there.items()}, **texts})
    note(f"written: {path}" + (f" (the earlier file: {copy})" if copy else ""))
    try:
        shell.audit.record("migrate", str(path.absolute()), settings=named(texts))
    except ServiceAway as error:
        note(f"note: that this was taken over is not in the audit trail: {error}")
    return load(path).settings


def _log_folder(kept: dict[str, str], config: Path, *, is_done: bool) -> Iterator[ChecklistItem]:
    """Remember their log folder and verbosity for our commands, as the registry does for theirs."""
    if not (location := kept.get("loglocation", "")):
        return
    if not Path(location).is_dir():
        yield open_question(
            "log folder", f"{location} is not a folder here", "give tq-conn-logrhythm another, -ll"
        )
        return
    places = {"config": str(config.absolute()), "loglocation": location}
    if kept.get("verbosity"):
        places["verbosity"] = kept["verbosity"]
    memory = remembered.memory()
    is_same = {**memory.recall(), **places} == memory.recall()
    if is_done and not is_same:
        try:
            memory.remember(places)
        except TqError as error:
            yield open_question("log folder", str(error), "run this again then", code=error.exit_code)
            return
    yield taken(
        "log folder", f"{location}, verbosity {kept.get('verbosity', '1')}", is_done=is_done or is_same
    )


def _lists(shell: Shell, settings: Settings, *, take: bool) -> Iterator[ChecklistItem]:
    """Look at the lists that LogRhythm's page names, and with `take` make their entries ours."""
    try:
        runtime = Runtime(settings, shell.admin.redis)
        seen = sync_settings(runtime)
        for item in looked_at(runtime, seen, collections_of(seen), shell.audit if take else None):
            what = f"list {item.list}"
            if item.ours == item.entries:
                yield taken(what, f"{item.entries:,} entries, all ours")
                continue
            goes = "go with the next full sync, under its guard" if seen.sync_method == "full" else "stay"
            finding = f"{item.entries:,} entries: {item.stays:,} are in a data collection, {item.goes:,} are not and"
            yield taken(what, f"{finding} {goes}", is_done=take)
    except TqError as error:
        remedy = "run this again then; what is taken over stays so"
        code = error.exit_code if isinstance(error, ServiceAway) else 0
        yield open_question("lists", str(error), remedy, code=code)


def _plugin(path: Path | None) -> Iterator[ChecklistItem]:
    where = "import it: Deployment Manager > Tools > Administration > SmartResponse Plugin Manager > Actions"
    if path is None:
        yield by_hand(
            "plugin", f"tqctl srp-bundle (--plugin FILE here, if rules use the earlier one); {where}"
        )
        return
    identity = read_identity(path, "--plugin")
    command = f"tqctl srp-bundle --scripts-dir FOLDER --like {path}"
    yield by_hand("plugin", f"{command}; {where}", f"Guid {identity.guid}, version {identity.version}")
    for name in identity.left_out:
        yield open_question(
            "plugin", f"no command of ours takes {name!r}", "rules that fill it in lose that value"
        )


def _by_hand() -> Iterator[ChecklistItem]:
    yield by_hand(
        "earlier connectors",
        "stop what starts them before the first sync: the task in the Task Scheduler, cron, NiFi's processor",
    )
    yield by_hand(
        "rules", "try one rule of the AI Engine whose action is ours; restart the AI Engine when asked to"
    )
