"""The third part of a run: what was planned is written, a thousand entries a call, and each call counted on disk."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path

from workers.errors import Rejected
from workers.listsync.batches import BATCH
from workers.listsync.manifest import digests_of
from workers.listsync.plan import ListPlan
from workers.logrhythm.failure import ListGone
from workers.logrhythm.model import ListKind, ListSummary
from workers.sync.planning import plan
from workers.sync.run import Run
from workers.sync.state import ListState

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


def write(run: Run) -> Generator[None, None, None]:
    """Carry out every plan, a call a piece; a list that LogRhythm refuses does not keep the others."""
    for one in run.lists:
        if one.is_written or one.error:
            continue
        try:
            yield from _write(run, one)
        except ListGone as error:
            if one.times_planned >= MOST_PLANS:
                _fail(run, one, error)
                continue
            # Somebody removed it since: it is planned as one that has to be made.
            one.found, one.plan = None, None
            run.save()
            yield from plan(run)
            yield from _write(run, one)
        except Rejected as error:
            _fail(run, one, error)


def _write(run: Run, one: ListState) -> Generator[None, None, None]:
    decided = one.plan
    if decided is None:
        return
    if decided.calls:
        yield from _change(run, one, decided)
    elif one.found and decided.adopted.count:
        run.tools.manifests.added(one.found.guid, one.name, _digests(run, one, decided, "adopted"))
    one.is_written = True
    run.save()
    run.progress.tell(one.name, "done", decided.calls, decided.calls)


def _change(run: Run, one: ListState, decided: ListPlan) -> Generator[None, None, None]:
    calls = Calls(run.folder_of(one))
    target = _ready(run, one, decided, is_new=not calls.made)
    entries, manifests = run.tools.logrhythm.entries, run.tools.manifests
    total = decided.adds.count + decided.released.count
    for adding, values in islice(in_order(decided, run.options.rules.capacity), calls.made, None):
        told = entries.add(target, values) if adding else entries.remove(target, values)
        calls.count()
        one.entry_count = told.entry_count
        run.progress.tell(one.name, "write", min(calls.made * BATCH, total), total)
        yield
    manifests.removed(target.guid, one.name, _digests(run, one, decided, "released"))


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
        manifests = run.tools.manifests
        manifests.added(one.found.guid, one.name, _digests(run, one, decided, "adopted"))
        manifests.added(one.found.guid, one.name, _digests(run, one, decided, "adds"))
    return one.found


def _digests(run: Run, one: ListState, decided: ListPlan, kind: str) -> dict[int, bytes]:
    batches = {"adopted": decided.adopted, "adds": decided.adds, "released": decided.released}[kind]
    return digests_of(batches.read(), caseless=run.caseless(one))


def _fail(run: Run, one: ListState, error: Rejected) -> None:
    one.error = str(error)
    run.save()
    run.progress.tell(one.name, "failed", 0, None)
