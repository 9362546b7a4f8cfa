"""The second part of a run: each list is written as soon as it is planned, a thousand entries a call."""

from __future__ import annotations

import time
from collections.abc import Generator
from itertools import islice

from workers.core.errors import Rejected
from workers.listsync.plan.batches import BATCH
from workers.listsync.plan.plan import ListPlan
from workers.listsync.run.faulty import FaultyLists, ListFault
from workers.listsync.run.planning import do_a_list_task, list_tasks
from workers.listsync.run.run import Run
from workers.listsync.run.run_folder import ListState
from workers.logrhythm.entries import Writer
from workers.logrhythm.errors import Fault, ListGone
from workers.logrhythm.model import ListKind, ListSummary

#: How often a list that goes away in the middle is planned anew.
MOST_PLANS = 2

#: Seconds between two looks at whether another worker has planned a list.
LOOK_EVERY_S = 0.02


def plan_and_write(run: Run) -> Generator[None, None, None]:
    """Plan every list and, unless it is a dry run, carry the plans out; a list that fails keeps no other."""
    with run.as_own():
        yield from _plan_and_write(run)


def _plan_and_write(run: Run) -> Generator[None, None, None]:
    # One of the tasks is done here.
    run.wake_helpers(len(list_tasks(run.state, run.folder)) - 1)
    faulty = FaultyLists(run)
    # Lists that are planned are written in one turn.
    with run.tools.logrhythm.entries.writing() as writer:
        while left := [item for item in run.lists if not _is_settled(run, item)]:
            _take_in_plans(run, left)
            well = faulty.without(left)
            try:
                yield from _step(run, well, faulty, writer)
            except ListFault as fault:
                writer.end()
                faulty.add(fault)
            yield


def _is_settled(run: Run, item: ListState) -> bool:
    return bool(item.error) or item.is_written or (run.state.dry_run and item.plan is not None)


def _take_in_plans(run: Run, left: list[ListState]) -> None:
    """Make the plans that were finished, here or by helpers, part of the run."""
    is_changed = False
    for item in left:
        planned = run.folder_of(item).planned if item.plan is None else None
        if planned is None:
            continue
        is_changed, item.plan = True, planned.plan
        if planned.is_gone:
            item.found = None
        if planned.error:
            run.fail(item, planned.error)
    if is_changed:
        run.save()


def _step(
    run: Run, left: list[ListState], faulty: FaultyLists, writer: Writer
) -> Generator[None, None, None]:
    """Write a list that is planned, else plan one, else wait for the workers that do."""
    ready = next((item for item in left if item.plan), None)
    if ready and not run.state.dry_run:
        yield from write(run, ready, writer)
        return
    writer.end()
    if not ready and not do_a_list_task(run, skip=faulty):
        _wait(run, left)


def _wait(run: Run, left: list[ListState]) -> None:
    """Wait for the workers that hold the rest; what a stopped process holds is planned anew by another one."""
    for item in left:
        if run.folder_of(item).is_silent:
            item.plan_anew()
            run.save()
    time.sleep(LOOK_EVERY_S)


def write(run: Run, item: ListState, writer: Writer) -> Generator[None, None, None]:
    """Carry out the plan of one list, a call a step; what LogRhythm refuses is the list's error.

    Raises ListFault.
    """
    try:
        yield from _write(run, item, writer)
    except Fault as fault:
        raise ListFault(item.name, fault) from fault
    except ListGone as error:
        if item.times_planned + 1 >= MOST_PLANS:
            run.fail(item, str(error))
        else:
            # It was removed since: it is planned as one that has to be made.
            item.found = None
            item.plan_anew()
        run.save()
    except Rejected as error:
        run.fail(item, str(error))
        run.save()


def _write(run: Run, item: ListState, writer: Writer) -> Generator[None, None, None]:
    plan = item.plan
    if plan is None:
        return
    if item.found:
        caseless = run.caseless(item)
        run.tools.manifests.take_in(
            item.found.guid, item.name, before_ms=run.state.began_ms, caseless=caseless
        )
    if plan.calls:
        yield from _change(run, item, plan, writer)
    elif item.found:
        _take_over(run, item, plan, item.found)
    if item.is_abandoned and plan.pending is None and (plan.released.count or not plan.now):
        _retire(run, item)
    # Shown before it is saved: a worker that is killed in between shows it once more, and no display waits for it.
    run.progress.tell(item.name, "done", plan.calls, plan.calls)
    item.is_written = True
    run.save()


def _retire(run: Run, item: ListState) -> None:
    """Retire an abandoned list that has been emptied of our entries."""
    if item.found:
        run.tools.retire(item.found, run.audit)
        run.state.abandoned = [other for other in run.state.abandoned if other.name != item.name]


def _change(run: Run, item: ListState, plan: ListPlan, writer: Writer) -> Generator[None, None, None]:
    folder = run.folder_of(item)
    target = _ready(run, item, plan, is_new=not folder.calls)
    total = plan.adds.count + plan.released.count
    calls = islice(plan.write_calls(run.options.rules.capacity), folder.calls, None)
    for written in writer.carry_out(target, calls):
        folder.count_call()
        item.entry_count = written.entry_count
        run.progress.tell(item.name, "write", min(folder.calls * BATCH, total), total)
        yield
    digests = folder.digests
    run.tools.manifests.carried_out(target.guid, digests.get("adds", {}), digests.get("released", {}))


def _ready(run: Run, item: ListState, plan: ListPlan, *, is_new: bool) -> ListSummary:
    """Return the list to write to, made or brought back if need be; what is added is noted as ours before it is."""
    if item.found is None or (item.found.is_retired and plan.adds.count):
        rule = run.options.types[item.type]
        item.found = run.tools.logrhythm.ensure_list(item.name, ListKind(rule.list_type, rule.use_context))
        run.save()
    if is_new:
        _take_over(run, item, plan, item.found)
        _note_as_ours(run, item, item.found, "adds")
    return item.found


def _take_over(run: Run, item: ListState, plan: ListPlan, target: ListSummary) -> None:
    """Note entries as ours that were in the list before we ever wrote to it: a later run may delete them."""
    if plan.adopted.count:
        _note_as_ours(run, item, target, "adopted")
        run.audit.record("take over", item.name, entries=plan.adopted.count)


def _note_as_ours(run: Run, item: ListState, target: ListSummary, kind: str) -> None:
    run.tools.manifests.added(
        target.guid,
        item.name,
        run.folder_of(item).digests.get(kind, {}),
        caseless=run.caseless(item),
        noted_ms=run.state.began_ms if kind == "adds" else 0,
    )
