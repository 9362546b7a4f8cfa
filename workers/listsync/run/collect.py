"""The first part of a run: which lists there are, and every indicator of the collections, sorted into lists on disk."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

from workers.core.http_session import meanwhile
from workers.listsync.plan.gather import Gathering
from workers.listsync.plan.naming import ListKey, list_name
from workers.listsync.plan.plan import lists_to_plan
from workers.listsync.run.existing import existing_lists, look_for_abandoned
from workers.listsync.run.planning import list_tasks
from workers.listsync.run.replica import Replica
from workers.listsync.run.run import Run
from workers.listsync.run.run_folder import ListState, RunState
from workers.threatq.collections import CollectionPage, Position, find_collection, read_pages


def look_up(run: Run) -> Generator[None, None, None]:
    """Find the lists of the family that exist in LogRhythm, and have them read while the collection is gathered."""
    if run.state.lists is None:
        run.state.lists = existing_lists(run)
        look_for_abandoned(run)
        run.save()
        yield
    run.wake_helpers(len(list_tasks(run.state, run.folder)))


def gather(run: Run) -> Generator[None, None, None]:
    """Read one data collection after the other from where it was left, a page a step."""
    while not run.state.is_gathered:
        if run.state.position is not None:
            yield from _gather(run, run.state.position)
        run.state.end_collection()
        _save(run)


def _gather(run: Run, start: Position) -> Generator[None, None, None]:
    """Read a data collection, sorted while ThreatQ prepares the next page."""
    state = run.state
    collection = find_collection(run.tools.threatq, state.reading.name)
    gathering = run.gathering()
    pages = read_pages(run.tools.threatq, collection, start=start)
    arrived: CollectionPage | None = None
    try:
        arrived = next(pages, None)
        while arrived:
            page, arrived = arrived, None
            with meanwhile(partial(_take, run, gathering, page)):
                arrived = next(pages, None)
            yield
    finally:
        if not run.time_slice.lost:
            # ThreatQ would have to give it once more.
            if arrived:
                _take(run, gathering, arrived)
            state.taken = gathering.pause()
            _save(run)


def _save(run: Run) -> None:
    """Write down what was gathered, in Redis too where that has taken long: reading it again would."""
    if not run.time_slice.lost and (run.time_slice.has_lasted or run.state.replicated):
        Replica(run.redis, run.folder.path.name).extend(run.folder, run.state)
    run.save()


def _take(run: Run, gathering: Gathering, page: CollectionPage) -> None:
    gathering.take(page.rows, run.state.reading.split_by)
    _note(run.state, page)
    run.progress.tell("", "gather", gathering.read, run.state.declared_so_far)


def _note(state: RunState, page: CollectionPage) -> None:
    """Note where the next page begins, and what casts doubt on the listing."""
    if state.declared is None:
        state.declared = page.total
    state.declared_last, state.position = page.total, page.following
    ids = [state.last_id, *(row.id for row in page.rows)]
    if ids != sorted(set(ids)) and not state.doubts:
        state.doubts.append(f"{state.reading.name}: indicators came twice or out of order")
    state.last_id = ids[-1]


def add_missing_lists(run: Run) -> Generator[None, None, None]:
    """Add the lists that have an entry in the gathered collection and do not exist yet."""
    collection, known = run.state.collection, {item.name for item in run.lists}
    wanted = [list_name(collection.base_name, ListKey(*taken[:2])) for taken in run.state.taken.lists]
    keys = lists_to_plan(collection, run.options.types, wanted, ())
    new = [
        ListState(name=name, type=key.type, bucket=key.bucket)
        for name, key in keys.items()
        if name not in known
    ]
    if new:
        run.state.lists = sorted([*run.lists, *new], key=lambda item: item.name)
        run.save()
        yield
