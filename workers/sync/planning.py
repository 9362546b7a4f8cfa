"""The second part of a run: each list of the family as it is, and what has to change in it."""

from __future__ import annotations

import shutil
from collections.abc import Generator

from msgspec import structs

from workers.errors import Rejected
from workers.listsync.listing import Listing
from workers.listsync.naming import ListKey, family, list_name
from workers.listsync.plan import ListPlan, Target, approve, lists_to_plan, plan_list
from workers.listsync.spill import Spill
from workers.logrhythm.failure import ListGone
from workers.sync.gathering import gathering_of
from workers.sync.run import Run
from workers.sync.state import ListState

PRESENT = "present"


def plan(run: Run) -> Generator[None, None, None]:
    """Plan every list of the family, a list a piece; one that LogRhythm refuses does not keep the others."""
    if run.state.lists is None:
        run.state.lists = _family(run)
        run.save()
        yield
    wanted = gathering_of(run).wanted
    for one in run.lists:
        if one.plan is None and not one.error:
            _plan(run, one, wanted.get(one.name))
            run.save()
            yield


def _family(run: Run) -> list[ListState]:
    """Return the lists of the family that have an entry in the collection or exist in LogRhythm."""
    collection, types = run.state.collection, run.options.types
    names = family(collection.base_name, collection.split_by, types)
    existing = run.tools.logrhythm.lists.named(names, common=collection.base_name)
    wanted = [list_name(collection.base_name, ListKey(*one[:2])) for one in run.state.taken.lists]
    return [
        ListState(name=name, type=key.type, bucket=key.bucket, found=existing.get(name))
        for name, key in sorted(lists_to_plan(collection, types, wanted, existing).items())
    ]


def _plan(run: Run, one: ListState, wanted: Spill | None) -> None:
    folder = run.folder_of(one)
    shutil.rmtree(folder, ignore_errors=True)
    one.times_planned += 1
    try:
        one.plan = _decide(run, one, wanted or Spill(folder / "nothing", caseless=run.caseless(one)))
    except ListGone:
        # It went away since the lists were listed: what is not there is empty.
        one.found = None
        one.plan = _decide(run, one, wanted or Spill(folder / "nothing", caseless=run.caseless(one)))
    except Rejected as error:
        one.error = str(error)
        run.progress.tell(one.name, "failed", 0, None)
    # What the list holds was needed for the comparison alone.
    shutil.rmtree(folder / PRESENT, ignore_errors=True)


def _decide(run: Run, one: ListState, wanted: Spill) -> ListPlan:
    folder = run.folder_of(one)
    present = _read(run, one)
    target = Target(
        name=one.name,
        key=ListKey(one.type, one.bucket),
        present=present,
        listing=Listing(present.count, present.count),
        exists=one.found is not None,
    )
    manifest = run.tools.manifests.of(one.found.guid) if one.found else None
    decided = plan_list(
        target, wanted, run.state.source, manifest=manifest, rules=run.options.rules, folder=folder
    )
    approval = run.tools.holds.approval(one.name)
    if approval:
        decided = approve(decided, approval, folder / "approved", caseless=run.caseless(one))
    return _with_doubts(decided, one)


def _read(run: Run, one: ListState) -> Spill:
    """Bring a list's entries to disk; the reading is one answer and cannot be left in the middle."""
    present = Spill(run.folder_of(one) / PRESENT, caseless=run.caseless(one))
    if one.found is None:
        return present
    declared = one.found.entry_count
    for values in run.tools.logrhythm.entries.read_blocks(one.found, at_most=run.options.max_items):
        present.extend(values)
        run.progress.tell(one.name, "read", present.count, declared)
        run.slice.breathe()
    present.close()
    return present


def _with_doubts(decided: ListPlan, one: ListState) -> ListPlan:
    if one.found is None or not one.found.is_retired:
        return decided
    said = "the list is retired in LogRhythm" + ("; adding brings it back" if decided.adds.count else "")
    return structs.replace(decided, warnings=(*decided.warnings, said))
