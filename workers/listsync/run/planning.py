"""The list tasks of a run: each list is read, then planned, by any worker that is free."""

from __future__ import annotations

import shutil
from collections.abc import Container

from msgspec import structs

from workers.core.errors import Rejected
from workers.listsync.plan.guard import Listing
from workers.listsync.plan.manifest import digests_of
from workers.listsync.plan.naming import ListKey
from workers.listsync.plan.plan import ListPlan, ListTarget, approve, plan_emptying, plan_list
from workers.listsync.plan.spill import Spill
from workers.listsync.run.faulty import ListFault
from workers.listsync.run.list_folder import ListFolder, PlannedList, ReadList
from workers.listsync.run.run import Run
from workers.listsync.run.run_folder import ListState, RunFolder, RunState
from workers.logrhythm.errors import Fault, ListGone
from workers.logrhythm.model import ListSummary

#: The folder, in that of the list, with the entries that it has.
PRESENT = "present"

#: The entries of a plan whose digests the manifest takes.
NOTED = ("adopted", "adds", "released")


def list_tasks(state: RunState, folder: RunFolder) -> list[ListState]:
    """Return the lists of which something can be done now: read it, or, once everything is gathered, plan it.

    Once it is, those with the most to write come first.
    """
    open_lists = [item for item in state.lists or [] if _has_list_task(state, item, folder.of(item))]
    wanted = {(type_name, bucket): count for type_name, bucket, count, _ in state.taken.lists}

    def changes(item: ListState) -> int:
        return abs(wanted.get((item.type, item.bucket), 0) - (folder.of(item).read or ReadList()).count)

    return sorted(open_lists, key=changes, reverse=True) if state.is_gathered else open_lists


def do_a_list_task(run: Run, *, skip: Container[str] = (), is_helper: bool = False) -> bool:
    """Read or plan a list that no other worker is at; return whether there was one. Raises ListFault.

    `skip` names lists that are left alone. Helpers begin with the list that has the most to write, the run's own worker
    with the one that has the least: so it soon has one to write while the others are planned.
    """
    tasks = list_tasks(run.state, run.folder)
    for item in tasks if is_helper else reversed(tasks):
        if item.name in skip:
            continue
        folder = run.folder_of(item)
        with folder.taken() as is_ours:
            if is_ours and _has_list_task(run.state, item, folder):
                _do(run, item, folder)
                return True
    return False


def _has_list_task(state: RunState, item: ListState, folder: ListFolder) -> bool:
    if item.plan or item.error or folder.planned:
        return False
    return state.is_gathered or (item.found is not None and folder.read is None)


def _do(run: Run, item: ListState, folder: ListFolder) -> None:
    try:
        if item.found and folder.read is None:
            folder.keep_read(_read(run, item, item.found))
        else:
            folder.keep_planned(_plan(run, item, folder))
    except Fault as fault:
        raise ListFault(item.name, fault) from fault
    except Rejected as error:
        folder.keep_planned(PlannedList(error=str(error)))


def _read(run: Run, item: ListState, existing: ListSummary) -> ReadList:
    """Bring a list's entries to disk; the reading is one answer and cannot be left in the middle."""
    folder = run.folder_of(item)
    present = Spill(folder.path / PRESENT, caseless=run.caseless(item))
    try:
        for values in run.tools.logrhythm.entries.read_blocks(existing, at_most=run.options.max_items):
            present.extend(values)
            run.progress.tell(item.name, "read", present.count, existing.entry_count)
            folder.show_life()
            run.time_slice.checkpoint()
    except ListGone:
        # It went away since the lists were looked up: what is not there is empty.
        return ReadList(is_gone=True)
    present.close()
    return ReadList(present.count, present.size)


def _plan(run: Run, item: ListState, folder: ListFolder) -> PlannedList:
    read = folder.read or ReadList()
    existing = None if read.is_gone else item.found
    plan = _decide(run, item, read, existing)
    # What the list holds was needed for the comparison alone.
    shutil.rmtree(folder.path / PRESENT, ignore_errors=True)
    if not run.state.dry_run:
        _keep_digests(folder, plan, caseless=run.caseless(item))
    return PlannedList(plan, is_gone=read.is_gone)


def _decide(run: Run, item: ListState, read: ReadList, existing: ListSummary | None) -> ListPlan:
    path, caseless = run.folder_of(item).path, run.caseless(item)
    target = ListTarget(
        name=item.name,
        key=ListKey(item.type, item.bucket),
        present=Spill(path / PRESENT, caseless=caseless, count=read.count, size=read.size),
        listing=Listing(read.count, read.count),
        exists=existing is not None,
    )
    manifest = run.tools.manifests.of(existing.guid, before_ms=run.state.began_ms) if existing else None
    if item.is_abandoned:
        plan = plan_emptying(target, manifest=manifest, folder=path)
    else:
        plan = plan_list(
            target,
            run.gathering().wanted.get(item.name) or Spill(path / "nothing", caseless=caseless),
            run.state.source,
            manifest=manifest,
            rules=run.options.rules,
            folder=path,
        )
    approval = run.tools.approvals.approval(item.name)
    if approval:
        plan = approve(plan, approval, path / "approved", caseless=caseless)
    return _with_doubts(plan, item)


def _with_doubts(plan: ListPlan, item: ListState) -> ListPlan:
    if item.found is None or not item.found.is_retired:
        return plan
    warning = "the list is retired in LogRhythm" + ("; adding brings it back" if plan.adds.count else "")
    return structs.replace(plan, warnings=(*plan.warnings, warning))


def _keep_digests(folder: ListFolder, plan: ListPlan, *, caseless: bool) -> None:
    """Make the digests that the manifest takes: several workers do so now, later it would be between two calls."""
    changed = {kind: getattr(plan, kind) for kind in NOTED if getattr(plan, kind).count}
    if changed:
        folder.keep_digests(
            {kind: digests_of(batches.read(), caseless=caseless) for kind, batches in changed.items()}
        )
