"""`tqctl mapping replay` and `diff`: what a corrected mapping changes in jobs that are kept, and doing them again."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from msgspec import Struct, to_builtins

from producers.cli.console import note
from producers.cli.tables import Grid, Shown
from tqctl.edit import note_of
from tqctl.quarantine import QuarantineAdmin
from tqctl.shell import Shell, above_zero
from workers.core.errors import InputError, NeedsNewerWorker
from workers.core.jobs import compact
from workers.ledger.ledger import compress
from workers.ledger.quarantine import QuarantinedItem
from workers.ledger.records import Record
from workers.mappings.apply import apply_mapping
from workers.mappings.folder import SUFFIX, mapping_folder, read_file
from workers.mappings.matching import Mappings
from workers.mappings.model import Mapping
from workers.payload.mapped import ARGUMENT, NAME, with_mapping
from workers.payload.options import from_settings as dialect_from
from workers.payload.planning import plan_arguments, plan_mapped

#: Jobs of each state that are looked at, the newest, and quarantined items.
MOST_JOBS, MOST_ITEMS = 1_000, 1_000

#: Jobs that are replayed in one step.
STEP = 200

#: What of a plan is compared.
_COMPARED = (
    "title",
    "type",
    "happened_at",
    "source",
    "attributes",
    "indicators",
    "assets",
    "identities",
    "malware",
)


class Touched(Struct, frozen=True):
    """A job that a mapping is for, its arguments, and the event that it made, 0 for none."""

    record: Record
    arguments: dict[str, Any]

    @property
    def event_id(self) -> int:
        """The event that the job made; 0 for none, or for one that stands for other firings too."""
        result = self.record.result
        return 0 if result.get("group") else int(result.get("event_id") or 0)


def replay_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments of replay."""
    _add_common(parser, "the mapping, as it is now")
    parser.add_argument("--yes", action="store_true", help="do it; without this, only say what would be done")
    parser.set_defaults(run=replay)


def diff_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments of diff."""
    _add_common(parser, f"the mapping, or a file {SUFFIX} that is to replace it")
    parser.set_defaults(run=diff)


def _add_common(parser: ArgumentParser, what: str) -> None:
    parser.add_argument("mapping", metavar="NAME", help=what)
    parser.add_argument(
        "--last", type=above_zero, default=MOST_JOBS, metavar="N",
        help=f"look at the N newest dead and done jobs (default: {MOST_JOBS})",
    )  # fmt: skip


def diff(shell: Shell, options: Namespace) -> int:
    """Show what would be other in the events of jobs if they were done by the mapping; changes nothing.

    A file is compared with the mapping that it is to replace; one that is in place, with what jobs became.
    """
    mapping, is_file = named_mapping(shell, options.mapping), options.mapping.endswith(SUFFIX)
    touched = _touched(shell, mapping, options.last)
    changes = list(filter(None, (_change(shell, mapping, each, is_file=is_file) for each in touched)))
    shell.show(changes, _diff_words)
    return 0


def _diff_words(changes: list[dict[str, Any]]) -> Iterator[Shown]:
    yield f"{len(changes)} jobs would become something else"
    for change in changes:
        yield f"{change['job']}  {change['state']}  {change['title']}"
        yield from (f"   {name}: {old} -> {new}" for name, (old, new) in change["changes"].items())


def _change(shell: Shell, mapping: Mapping, touched: Touched, *, is_file: bool) -> dict[str, Any]:
    after = _plan(shell, mapping, touched)
    before = _plan(shell, None, touched) if is_file else _made(touched)
    names = _COMPARED if is_file else ("title", "indicators")
    if not is_file and "indicators" in after:
        after = {**after, "indicators": _sorted(after["indicators"])}
    changes = {
        name: [before.get(name), after.get(name)]
        for name in (*names, "refused")
        if before.get(name) != after.get(name)
    }
    record = touched.record
    head = {"job": record.id, "state": record.state, "title": record.title}
    return {**head, "changes": changes} if changes else {}


def _made(touched: Touched) -> dict[str, Any]:
    """Return what is kept of what a job became: of an event its title and indicators."""
    record = touched.record
    if record.state == "dead":
        return {"refused": record.reason}
    return {"title": record.title, "indicators": _sorted(record.result.get("indicators", ()))}


def _sorted(indicators: Iterable[dict[str, Any]]) -> list[str]:
    return sorted(f"{indicator['type']}: {indicator['value']}" for indicator in indicators)


def _plan(shell: Shell, mapping: Mapping | None, touched: Touched) -> dict[str, Any]:
    """Return the plan of a job's event, by `mapping` or by the one that the job names; why there is none."""
    received_at = datetime.fromtimestamp(touched.record.accepted_ms / 1000, UTC)
    options = dialect_from(shell.settings)
    try:
        if mapping:
            event = apply_mapping(mapping, touched.arguments["payload"])
            plan = plan_mapped(event, received_at=received_at, options=options)
        else:
            plan = plan_arguments(touched.arguments, received_at=received_at, options=options)
    except (InputError, NeedsNewerWorker) as error:
        return {"refused": str(error)}
    planned: dict[str, Any] = to_builtins(plan)
    return planned


def replay(shell: Shell, options: Namespace) -> int:
    """Do jobs again by the mapping, and read again what is in the quarantine and has a mapping now."""
    mapping = named_mapping(shell, options.mapping)
    touched = list(_touched(shell, mapping, options.last))
    good = [each for each in touched if "refused" not in _plan(shell, mapping, each)]
    value: dict[str, Any] = {
        "mapping": f"{mapping.name}, version {mapping.version}",
        "replayed": [each.record.id for each in good],
        "still_refused": [each.record.id for each in touched if each not in good],
        "released": [],
    }
    if options.yes:
        value["replayed"] = _replayed(shell, mapping, good)
        value["released"] = list(_released(shell, mapping))
        for queue in {each.record.queue for each in good}:
            shell.ledger.wake(queue)
    shell.show(value, _replay_words)
    if not options.yes and good:
        note("nothing was changed; --yes does these jobs again, and reads the quarantine again")
    return 1 if value["still_refused"] else 0


def _replay_words(value: dict[str, Any]) -> Iterator[Shown]:
    yield f"{value['mapping']}: {len(value['replayed'])} jobs, {len(value['released'])} jobs out of the quarantine"
    if value["still_refused"]:
        rows = [[job_id] for job_id in value["still_refused"]]
        yield Grid("still refused; see tqctl mapping diff", ("job",), rows, "none")


def _replayed(shell: Shell, mapping: Mapping, jobs: Sequence[Touched]) -> list[str]:
    called = f"{mapping.name}, version {mapping.version}"
    text = note_of(shell, f"replayed by the mapping {called},")
    opened: list[str] = []
    for start in range(0, len(jobs), STEP):
        bodies = {
            each.record.id: compress(compact(with_mapping(each.arguments, mapping, each.event_id)))
            for each in jobs[start : start + STEP]
        }
        opened += shell.admin.replay(list(bodies), note=text, bodies=bodies, mapping=called)
    return opened


def _released(shell: Shell, mapping: Mapping) -> Iterator[str]:
    """Read items of the quarantine again that no mapping was for, that one refused, or whose sender named it."""
    quarantine = QuarantineAdmin(shell)
    for item_id in quarantine.ids(MOST_ITEMS):
        item = quarantine.item(item_id)
        if item is None or not _concerns(item, mapping):
            continue
        try:
            yield from quarantine.release(item_id)
        except InputError as error:
            note(f"{item_id} stays: {error}")


def _concerns(item: QuarantinedItem, mapping: Mapping) -> bool:
    if item.mapping:
        return item.mapping == mapping.name
    return item.code == "no_mapping" or f"mapping {mapping.name}:" in item.reason


def _touched(shell: Shell, mapping: Mapping, most: int) -> Iterator[Touched]:
    """Yield the dead and done jobs, the newest first, that the mapping made, or is for by now."""
    mappings = mappings_of(shell)
    for state in ("dead", "done"):
        for record in shell.admin.records(shell.admin.ids(state, most=most)):
            arguments = shell.admin.arguments(record.id) if record.kind == "events.create" else None
            if arguments and _is_for(mapping, mappings, arguments):
                yield Touched(record, arguments)


def _is_for(mapping: Mapping, mappings: Mappings, arguments: dict[str, Any]) -> bool:
    """Tell whether a job names the mapping; or names another one, and its document has this one by now."""
    wanted, document = arguments.get(ARGUMENT), arguments.get("payload")
    if not wanted or not isinstance(document, dict):
        return False
    if wanted.get(NAME) == mapping.name:
        return True
    chosen = mappings.choose(document)
    return chosen is not None and chosen.name == mapping.name


@lru_cache(maxsize=1)
def mappings_of(shell: Shell) -> Mappings:
    """Return the mappings by which documents become events; each that cannot be used is told, with its line."""
    mappings = mapping_folder(shell.settings.mappings_dir).current()
    for name, fault in mappings.faults.items():
        note(f"warning: mapping {name} cannot be used, no document becomes an event by it: {fault}")
    return mappings


def named_mapping(shell: Shell, name: str) -> Mapping:
    """Return the mapping of this name, or in the file of this name.

    Raises InputError where there is none, and ConfigError for a file that cannot be used.
    """
    if name.endswith(SUFFIX):
        return read_file(Path(name))
    if "/" in name or name.endswith(".yml"):
        raise InputError(f"{name} is no mapping; the name of its file ends in {SUFFIX}", field="mapping")
    return mapping_folder(shell.settings.mappings_dir).current().named(name)
