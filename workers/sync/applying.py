"""The second half of a run: each list is written as soon as it is planned, by whichever worker that was."""

from __future__ import annotations

import time
from collections.abc import Generator

from workers.sync.faulty import FaultyLists, ListFault
from workers.sync.pieces import is_silent, planned_of
from workers.sync.planning import add_wanted, do_a_piece, pieces
from workers.sync.run import Run
from workers.sync.state import ListState
from workers.sync.writing import write

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
    elif not ready and not do_a_piece(run, skip=faulty):
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
