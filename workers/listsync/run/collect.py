"""The first part of a run: which lists there are, and every indicator of the collections, sorted into lists on disk."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import closing
from contextvars import copy_context
from functools import partial
from itertools import chain, islice

from workers.core.http_session import meanwhile
from workers.listsync.plan.gather import Gathering
from workers.listsync.plan.naming import ListKey, list_name
from workers.listsync.plan.plan import lists_to_plan
from workers.listsync.run.existing import existing_lists, look_for_abandoned
from workers.listsync.run.planning import list_tasks
from workers.listsync.run.replica import Replica
from workers.listsync.run.run import Run
from workers.listsync.run.run_folder import ListState, RangeState
from workers.threatq.changes import created_between
from workers.threatq.collections import (
    START,
    Collection,
    CollectionPage,
    Position,
    find_collection,
    read_page,
    read_pages,
)
from workers.threatq.ranges import SIDE_BY_SIDE, WORTH_CUTTING, NotCut, cut


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
        if any(item.position is not None for item in run.state.ranges):
            yield from _gather(run, find_collection(run.tools.threatq, run.state.reading.name))
        run.state.end_collection()
        _save(run)


def _gather(run: Run, collection: Collection) -> Generator[None, None, None]:
    """Read a data collection, a large one in ranges side by side; once a slice it is written down how far that is."""
    gathering = run.gathering()
    try:
        with closing(_steps(run, gathering, collection)) as steps:
            for _ in steps:
                number = run.time_slice.number
                yield
                if run.time_slice.number > number:
                    _write_down(run, gathering)
    finally:
        _write_down(run, gathering)


def _write_down(run: Run, gathering: Gathering) -> None:
    if not run.time_slice.lost:
        run.state.taken = gathering.pause()
        _save(run)


def _steps(run: Run, gathering: Gathering, collection: Collection) -> Generator[None, None, None]:
    state = run.state
    if len(state.ranges) > 1:
        return _side_by_side(run, gathering, collection)
    pages = read_pages(run.tools.threatq, collection, start=state.ranges[0].position or START)
    if state.ranges == [RangeState()]:
        first = next(pages)
        state.ranges = _ranges(run, collection, first)
        if len(state.ranges) > 1:
            return _side_by_side(run, gathering, collection)
        pages = chain([first], pages)
    return _in_one(run, gathering, pages)


def _ranges(run: Run, collection: Collection, first: CollectionPage) -> list[RangeState]:
    """Return the ranges in which a collection is read, of which this is the first page."""
    if (first.total or 0) < WORTH_CUTTING:
        return [RangeState()]
    try:
        ranges = cut(run.tools.threatq, collection, first)
    except NotCut as reason:
        run.state.why += f"; {collection.name} is read page after page: {reason}"
        return [RangeState()]
    return [
        RangeState(since_s=item.since_s, until_s=item.until_s, declared_last=item.count) for item in ranges
    ]


def _in_one(run: Run, gathering: Gathering, pages: Iterator[CollectionPage]) -> Generator[None, None, None]:
    """Take page after page, each sorted while ThreatQ prepares the next."""
    (whole,) = run.state.ranges
    arrived: CollectionPage | None = None
    try:
        arrived = next(pages, None)
        while arrived:
            page, arrived = arrived, None
            with meanwhile(partial(_take, run, gathering, whole, page)):
                arrived = next(pages, None)
            yield
    finally:
        # ThreatQ would have to give it once more.
        if arrived and whole.position == page.following and not run.time_slice.lost:
            _take(run, gathering, whole, arrived)


def _side_by_side(run: Run, gathering: Gathering, collection: Collection) -> Generator[None, None, None]:
    """Read the ranges of a data collection, a page of each at a time, and take the pages as they come."""
    left = iter([item for item in run.state.ranges if item.position is not None])
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        ask = partial(_ask, run, pool, collection)
        in_hand = dict(ask(item, item.position) for item in islice(left, SIDE_BY_SIDE))
        try:
            while in_hand:
                for arrived in wait(in_hand, return_when=FIRST_COMPLETED).done:
                    (item, _), page = in_hand.pop(arrived), arrived.result()
                    if page.following:
                        in_hand.update([ask(item, page.following)])
                    elif following := next(left, None):
                        in_hand.update([ask(following, following.position)])
                    _take(run, gathering, item, page)
                    yield
        finally:
            # ThreatQ would have to give them once more.
            for asked, (item, position) in in_hand.items():
                is_next = position == item.position
                if not run.time_slice.lost and is_next and asked.exception() is None:
                    _take(run, gathering, item, asked.result())


def _ask(
    run: Run, pool: Executor, collection: Collection, item: RangeState, position: Position | None
) -> tuple[Future[CollectionPage], tuple[RangeState, Position | None]]:
    """Have a page of a range read; return the page that will come, its range, and where in that it begins."""
    part = created_between(collection, item.since_s, item.until_s)
    read = partial(read_page, run.tools.threatq, part, position=position or START)
    return pool.submit(copy_context().run, read), (item, position)


def _save(run: Run) -> None:
    """Write down what was gathered, in Redis too where that has taken long: reading it again would."""
    if not run.time_slice.lost and (run.time_slice.has_lasted or run.state.replicated):
        Replica(run.redis, run.folder.path.name).extend(run.folder, run.state)
    run.save()


def _take(run: Run, gathering: Gathering, item: RangeState, page: CollectionPage) -> None:
    gathering.take(page.rows, run.state.reading.split_by)
    if not item.take(page) and not run.state.doubts:
        run.state.doubts.append(f"{run.state.reading.name}: indicators came twice or out of order")
    run.progress.tell("", "gather", gathering.read, run.state.declared_so_far)


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
