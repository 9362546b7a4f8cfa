"""The first part of a run: every indicator of the collection, sorted into lists on disk."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

from workers.core.http_session import meanwhile
from workers.listsync.plan.gather import Gathering
from workers.listsync.run.run import Run
from workers.listsync.run.run_folder import RunState
from workers.threatq.collections import CollectionPage, find_collection, read_pages

WANTED = "wanted"


def gathering_of(run: Run) -> Gathering:
    """Return the gathering as far as it is."""
    options, state = run.options, run.state
    return Gathering(
        state.collection, options.types, options.bands, run.folder.path / WANTED, since=state.taken
    )


def gather(run: Run) -> Generator[None, None, None]:
    """Read the collection from where it was left, a page a piece, sorted while ThreatQ prepares the next."""
    state = run.state
    if state.position is None:
        return
    collection = find_collection(run.tools.threatq, state.collection.name)
    gathering = gathering_of(run)
    pages = read_pages(run.tools.threatq, collection, start=state.position)
    arrived: CollectionPage | None = None
    try:
        arrived = next(pages, None)
        while arrived:
            page, arrived = arrived, None
            with meanwhile(partial(_take, run, gathering, page)):
                arrived = next(pages, None)
            yield
    finally:
        if not run.slice.lost:
            # ThreatQ would have to give it once more.
            if arrived:
                _take(run, gathering, arrived)
            state.taken = gathering.pause()
            run.save()


def _take(run: Run, gathering: Gathering, page: CollectionPage) -> None:
    gathering.take(page.rows)
    _note(run.state, page)
    run.progress.tell("", "gather", gathering.read, run.state.declared_last)


def _note(state: RunState, page: CollectionPage) -> None:
    """Note where the next page begins, and what casts doubt on the listing."""
    if state.declared is None:
        state.declared = page.total
    state.declared_last, state.position = page.total, page.following
    ids = [state.last_id, *(row.id for row in page.rows)]
    if ids != sorted(set(ids)) and not state.doubts:
        state.doubts.append("indicators came twice or out of order")
    state.last_id = ids[-1]
