"""A run that is cancelled: what was written by then counts, and the manifests say just that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from workers.listsync.plan.manifest import digests_of
from workers.listsync.plan.plan import ListPlan
from workers.listsync.run.run import Run
from workers.listsync.run.run_folder import ListState


def withdraw(run: Run, by: str) -> None:
    """End a run where it stands, between two calls: each list that is not done says what was written of its plan."""
    run.state.cancelled_by = by
    for item in run.lists:
        if not (item.is_written or item.error):
            item.written = _written(run, item)
            run.progress.tell(item.name, "cancelled", sum(item.written), None)


def _written(run: Run, item: ListState) -> tuple[int, int]:
    """Return how many entries were added and deleted; what was noted of the others in the manifest is put right."""
    plan, counts = item.plan, Counter[bool]()
    if plan is None or item.found is None or run.state.dry_run or not plan.calls:
        return 0, 0
    wrong = _noted_wrongly(plan, run.options.rules.capacity, run.folder_of(item).calls, counts)
    digests = digests_of(wrong, caseless=run.caseless(item))
    run.tools.manifests.removed(item.found.guid, item.name, digests)
    return counts[True], counts[False]


def _noted_wrongly(plan: ListPlan, capacity: int, calls: int, counts: Counter[bool]) -> Iterator[list[str]]:
    """Yield what the manifest has and the list has not: adds are noted before they are written, deletes after.

    `counts` takes what was written, by whether it was added.
    """
    for number, (adding, values) in enumerate(plan.write_calls(capacity)):
        is_done = number < calls
        if is_done:
            counts[adding] += len(values)
        if adding != is_done:
            yield values


def sentences(run: Run) -> Iterator[str]:
    """Say who cancelled a run, and how far each list was; nothing for a run that was not cancelled."""
    if not run.state.cancelled_by:
        return
    yield f"Cancelled by {run.state.cancelled_by}; the next run does the rest"
    for item in run.lists:
        if item.written and item.plan and not run.state.dry_run:
            adds, deletes = item.written
            plan = item.plan
            yield (
                f"{item.name}: {adds:,} of {plan.adds.count:,} entries were added and {deletes:,} of "
                f"{plan.released.count:,} deleted when the run was cancelled"
            )
