"""The lists of a run: which there are, and each as it is and what has to change in it.

Lists on which LogRhythm fails: the others are done first, and one that never works does not keep a run for ever.
"""

from __future__ import annotations

import shutil
from collections.abc import Container, Generator
from pathlib import Path

import msgspec
from msgspec import structs

from workers.core.errors import Rejected, ServiceAway
from workers.core.files import write_whole
from workers.listsync.plan.guard import Listing
from workers.listsync.plan.manifest import digests_of
from workers.listsync.plan.naming import ListKey, family, list_name
from workers.listsync.plan.plan import ListPlan, ListTarget, approve, lists_to_plan, plan_list
from workers.listsync.plan.spill import Spill
from workers.listsync.run.collect import gathering_of
from workers.listsync.run.run import Run
from workers.listsync.run.run_folder import (
    ListState,
    PlannedList,
    Read,
    RunFolder,
    RunState,
    keep_planned,
    keep_read,
    planned_of,
    read_of,
    show_life,
    taken,
)
from workers.logrhythm.errors import Fault, ListGone
from workers.logrhythm.model import ListSummary

PRESENT, DIGESTS = "present", "digests"

#: The entries of a plan whose digests the manifest takes.
NOTED = ("adopted", "adds", "released")


def look_up(run: Run) -> Generator[None, None, None]:
    """Find the lists of the family that exist in LogRhythm, and have them read while the collection is gathered."""
    if run.state.lists is None:
        run.state.lists = _existing(run)
        run.save()
    run.call_for_help(len(pieces(run.state, run.folder)))
    yield


def _existing(run: Run) -> list[ListState]:
    collection, types = run.state.collection, run.options.types
    names = family(collection.base_name, collection.split_by, types)
    existing = run.tools.logrhythm.lists.named(names, common=collection.base_name)
    keys = lists_to_plan(collection, types, (), existing)
    return [
        ListState(name=name, type=key.type, bucket=key.bucket, found=existing[name])
        for name, key in sorted(keys.items())
    ]


def add_wanted(run: Run) -> None:
    """Add the lists that have an entry in the collection and do not exist yet."""
    collection, known = run.state.collection, {one.name for one in run.lists}
    wanted = [list_name(collection.base_name, ListKey(*one[:2])) for one in run.state.taken.lists]
    keys = lists_to_plan(collection, run.options.types, wanted, ())
    new = [
        ListState(name=name, type=key.type, bucket=key.bucket)
        for name, key in keys.items()
        if name not in known
    ]
    if new:
        run.state.lists = sorted([*run.lists, *new], key=lambda one: one.name)
        run.save()


def pieces(state: RunState, folder: RunFolder) -> list[ListState]:
    """Return the lists of which something can be done now: read it, or, once everything is gathered, plan it.

    Those with the most to write come first: they are written, one at a time, while the others are planned.
    """
    found = [one for one in state.lists or [] if _has_list_task(state, one, folder.of(one))]
    wanted = {(type, bucket): count for type, bucket, count, _ in state.taken.lists}

    def changes(one: ListState) -> int:
        return abs(wanted.get((one.type, one.bucket), 0) - (read_of(folder.of(one)) or Read()).count)

    return sorted(found, key=changes, reverse=True) if state.is_gathered else found


def do_a_list_task(run: Run, *, skip: Container[str] = ()) -> bool:
    """Read or plan a list that no other worker is at; return whether there was one. Raises ListFault.

    `skip` names lists that are left alone.
    """
    for one in (one for one in pieces(run.state, run.folder) if one.name not in skip):
        folder = run.folder_of(one)
        with taken(folder) as is_ours:
            if is_ours and _has_list_task(run.state, one, folder):
                _do(run, one)
                return True
    return False


def _has_list_task(state: RunState, one: ListState, folder: Path) -> bool:
    if one.plan or one.error or planned_of(folder):
        return False
    return state.is_gathered or (one.found is not None and read_of(folder) is None)


def _do(run: Run, one: ListState) -> None:
    folder = run.folder_of(one)
    try:
        if one.found and read_of(folder) is None:
            keep_read(folder, _read(run, one, one.found))
        else:
            keep_planned(folder, _plan(run, one))
    except Fault as fault:
        raise ListFault(one.name, fault) from fault
    except Rejected as error:
        keep_planned(folder, PlannedList(error=str(error)))


def _read(run: Run, one: ListState, found: ListSummary) -> Read:
    """Bring a list's entries to disk; the reading is one answer and cannot be left in the middle."""
    folder = run.folder_of(one)
    present = Spill(folder / PRESENT, caseless=run.caseless(one))
    try:
        for values in run.tools.logrhythm.entries.read_blocks(found, at_most=run.options.max_items):
            present.extend(values)
            run.progress.tell(one.name, "read", present.count, found.entry_count)
            show_life(folder)
            run.slice.checkpoint()
    except ListGone:
        # It went away since the lists were looked up: what is not there is empty.
        return Read(is_gone=True)
    present.close()
    return Read(present.count, present.size)


def _plan(run: Run, one: ListState) -> PlannedList:
    folder = run.folder_of(one)
    read = read_of(folder) or Read()
    exists = one.found is not None and not read.is_gone
    decided = _decide(run, one, read, folder, manifest_of=one.found.guid if one.found and exists else "")
    # What the list holds was needed for the comparison alone.
    shutil.rmtree(folder / PRESENT, ignore_errors=True)
    if not run.state.dry_run:
        _keep_digests(folder, decided, caseless=run.caseless(one))
    return PlannedList(decided, is_gone=read.is_gone)


def _decide(run: Run, one: ListState, read: Read, folder: Path, *, manifest_of: str) -> ListPlan:
    target = ListTarget(
        name=one.name,
        key=ListKey(one.type, one.bucket),
        present=Spill(folder / PRESENT, caseless=run.caseless(one), count=read.count, size=read.size),
        listing=Listing(read.count, read.count),
        exists=bool(manifest_of),
    )
    wanted = gathering_of(run).wanted.get(one.name)
    decided = plan_list(
        target,
        wanted or Spill(folder / "nothing", caseless=run.caseless(one)),
        run.state.source,
        manifest=run.tools.manifests.of(manifest_of) if manifest_of else None,
        rules=run.options.rules,
        folder=folder,
    )
    approval = run.tools.holds.approval(one.name)
    if approval:
        decided = approve(decided, approval, folder / "approved", caseless=run.caseless(one))
    return _with_doubts(decided, one)


def _with_doubts(decided: ListPlan, one: ListState) -> ListPlan:
    if one.found is None or not one.found.is_retired:
        return decided
    said = "the list is retired in LogRhythm" + ("; adding brings it back" if decided.adds.count else "")
    return structs.replace(decided, warnings=(*decided.warnings, said))


def _keep_digests(folder: Path, decided: ListPlan, *, caseless: bool) -> None:
    """Make the digests that the manifest takes: here several workers are at it, later it would be between two calls."""
    changed = {kind: getattr(decided, kind) for kind in NOTED if getattr(decided, kind).count}
    if changed:
        digests = {kind: digests_of(batches.read(), caseless=caseless) for kind, batches in changed.items()}
        write_whole(str(folder / DIGESTS), msgspec.msgpack.encode(digests), is_lasting=False)


def digests_in(folder: Path) -> dict[str, dict[int, bytes]]:
    """Return the digests of what was planned, for each of NOTED that has any."""
    file = folder / DIGESTS
    return (
        msgspec.msgpack.decode(file.read_bytes(), type=dict[str, dict[int, bytes]]) if file.exists() else {}
    )


#: Times that LogRhythm may fail on one list, with the pauses of a job that waits in between; the next run tries again.
MOST_FAULTS = 5


class ListFault(ServiceAway):
    """LogRhythm fails on one list."""

    def __init__(self, list_name: str, fault: Fault) -> None:
        super().__init__("logrhythm", str(fault))
        self.list_name = list_name


class FaultyLists:
    """The lists that wait for the job's next try, each because LogRhythm has just failed on it."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._faults: dict[str, ListFault] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._faults

    def without(self, lists: list[ListState]) -> list[ListState]:
        """Return the lists that can be worked on; raises ListFault when none is left that can."""
        well = [one for one in lists if one.name not in self]
        if lists and not well:
            raise self._faults[lists[-1].name]
        return well

    def add(self, fault: ListFault) -> None:
        """Let a list wait, or at last give it up for this run.

        Raises ServiceAway where LogRhythm does not answer for others either: then the whole run waits.
        """
        run, one = self._run, next(one for one in self._run.lists if one.name == fault.list_name)
        run.tools.logrhythm.lists.named([one.name], common=one.name)
        one.faults += 1
        if one.faults >= MOST_FAULTS:
            one.error = f"{fault}; so it did {one.faults} times while it answered for other lists"
            run.progress.tell(one.name, "failed", 0, None)
        self._faults[one.name] = fault
        run.save()
