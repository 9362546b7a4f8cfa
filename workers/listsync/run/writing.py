"""Carrying out a plan: a thousand entries a call, and each call counted on disk.

The second half of a run: each list is written as soon as it is planned, by whichever worker that was.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path

from workers.core.errors import Rejected
from workers.listsync.plan.batches import BATCH
from workers.listsync.plan.plan import ListPlan
from workers.listsync.run.planning import (
    FaultyLists,
    ListFault,
    add_wanted,
    digests_in,
    do_a_list_task,
    pieces,
)
from workers.listsync.run.run import Run
from workers.listsync.run.run_folder import ListState, is_silent, planned_of
from workers.logrhythm.errors import Fault, ListGone
from workers.logrhythm.model import ListKind, ListSummary

#: How often a list that goes away in the middle is planned anew.
MOST_PLANS = 2


class Calls:
    """How many calls of one list were made: a file with one byte a call, which no kill can leave half written."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "calls"

    @property
    def made(self) -> int:
        """The number of calls."""
        return self._path.stat().st_size if self._path.exists() else 0

    def count(self) -> None:
        """Count one more."""
        with self._path.open("ab") as file:
            file.write(b".")


def write(run: Run, one: ListState) -> Generator[None, None, None]:
    """Carry out the plan of one list, a call a piece; what LogRhythm refuses is the list's error.

    Raises ListFault.
    """
    try:
        yield from _write(run, one)
    except Fault as fault:
        raise ListFault(one.name, fault) from fault
    except ListGone as error:
        if one.times_planned + 1 >= MOST_PLANS:
            _fail(run, one, error)
            return
        # Somebody removed it since: it is planned as one that has to be made.
        one.found = None
        one.plan_anew()
        run.save()
    except Rejected as error:
        _fail(run, one, error)


def _write(run: Run, one: ListState) -> Generator[None, None, None]:
    decided = one.plan
    if decided is None:
        return
    if decided.calls:
        yield from _change(run, one, decided)
    elif one.found and decided.adopted.count:
        run.tools.manifests.added(one.found.guid, one.name, digests_in(run.folder_of(one))["adopted"])
    # Told before it is saved: a worker that is killed in between tells it once more, and nobody waits for a bar.
    run.progress.tell(one.name, "done", decided.calls, decided.calls)
    one.is_written = True
    run.save()


def _change(run: Run, one: ListState, decided: ListPlan) -> Generator[None, None, None]:
    calls = Calls(run.folder_of(one))
    target = _ready(run, one, decided, is_new=not calls.made)
    total = decided.adds.count + decided.released.count
    with run.tools.logrhythm.entries.writing() as writer:
        for adding, values in islice(in_order(decided, run.options.rules.capacity), calls.made, None):
            told = writer.add(target, values) if adding else writer.remove(target, values)
            calls.count()
            one.entry_count = told.entry_count
            run.progress.tell(one.name, "write", min(calls.made * BATCH, total), total)
            yield
    if decided.released.count:
        run.tools.manifests.removed(target.guid, one.name, digests_in(run.folder_of(one))["released"])


def in_order(decided: ListPlan, capacity: int) -> Iterator[tuple[bool, list[str]]]:
    """Yield the entries of one call after the other, and whether they are added.

    First all additions, so that no entry is missing for a while; where the list has no room for them, a call's
    worth of deletes goes before each.
    """
    adds = ((True, values) for values in decided.adds.read())
    deletes = ((False, values) for values in decided.released.read())
    if not decided.fits_before_deletes(capacity):
        for delete in deletes:
            yield delete
            yield from islice(adds, 1)
    yield from adds
    yield from deletes


def _ready(run: Run, one: ListState, decided: ListPlan, *, is_new: bool) -> ListSummary:
    """Return the list to write to, made or brought back if need be; what is added is noted as ours before it is."""
    if one.found is None or (one.found.is_retired and decided.adds.count):
        rule = run.options.types[one.type]
        one.found = run.tools.logrhythm.ensure_list(one.name, ListKind(rule.list_type, rule.use_context))
        run.save()
    if is_new:
        noted = digests_in(run.folder_of(one))
        for kind in ("adopted", "adds"):
            run.tools.manifests.added(one.found.guid, one.name, noted.get(kind, {}))
    return one.found


def _fail(run: Run, one: ListState, error: Rejected) -> None:
    run.progress.tell(one.name, "failed", 0, None)
    one.error = str(error)
    run.save()


#: Seconds between two looks at whether another worker has planned a list.
LOOK_EVERY_S = 0.02


def plan_and_write(run: Run) -> Generator[None, None, None]:
    """Plan every list and, unless it is a dry run, carry the plans out; a list that fails keeps no other."""
    with run.as_own():
        yield from _plan_and_write(run)


def _plan_and_write(run: Run) -> Generator[None, None, None]:
    add_wanted(run)
    # One of them is ours.
    run.call_for_help(len(pieces(run.state, run.folder)) - 1)
    faulty = FaultyLists(run)
    while left := [one for one in run.lists if not _is_settled(run, one)]:
        _take_in_plans(run, left)
        well = faulty.without(left)
        try:
            yield from _step(run, well, faulty)
        except ListFault as fault:
            faulty.add(fault)
        yield


def _step(run: Run, left: list[ListState], faulty: FaultyLists) -> Generator[None, None, None]:
    """Write a list that is planned, else plan one, else wait for those who do."""
    ready = next((one for one in left if one.plan), None)
    if ready and not run.state.dry_run:
        yield from write(run, ready)
    elif not ready and not do_a_list_task(run, skip=faulty):
        _wait(run, left)


def _is_settled(run: Run, one: ListState) -> bool:
    return bool(one.error) or one.is_written or (run.state.dry_run and one.plan is not None)


def _take_in_plans(run: Run, left: list[ListState]) -> None:
    """Make the plans that were finished, by us or by others, part of the run."""
    found = [
        (one, planned) for one in left if one.plan is None and (planned := planned_of(run.folder_of(one)))
    ]
    for one, planned in found:
        one.plan, one.error = planned.plan, planned.error
        if planned.is_gone:
            one.found = None
        if one.error:
            run.progress.tell(one.name, "failed", 0, None)
    if found:
        run.save()


def _wait(run: Run, left: list[ListState]) -> None:
    """Wait for those who hold the rest; what a stopped process holds is planned anew, by whoever is well."""
    for one in left:
        if is_silent(run.folder_of(one)):
            one.plan_anew()
            run.save()
    time.sleep(LOOK_EVERY_S)
