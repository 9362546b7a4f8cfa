"""A delta run: what ThreatQ says has changed since the last run, instead of everything; in doubt, a full run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Generator, Iterable, Iterator, Sequence

from workers.core.http_session import meanwhile
from workers.core.sync_report import CollectionPart
from workers.core.text import moment, short
from workers.ledger.connection import now_ms
from workers.listsync.plan.delta import (
    ChangedRow,
    Circumstances,
    Delta,
    Present,
    Proven,
    compare,
    most_rows,
    why_full,
)
from workers.listsync.plan.gather import Gathered, Gathering, score_rank, time_rank
from workers.listsync.run.delta_lists import DeltaLists, Doubt
from workers.listsync.run.existing import existing_lists, look_for_abandoned
from workers.listsync.run.proven import ProvenState
from workers.listsync.run.run import Run
from workers.listsync.run.run_folder import ListState
from workers.threatq.changes import (
    EVERYTHING,
    changed_since,
    moves_by_itself,
    query_text,
    server_time,
)
from workers.threatq.collections import Collection, count_rows, find_collection, read_pages
from workers.threatq.rows import Row, whole_score

#: Times that the changes are read while ThreatQ changes beneath, so that its total does not fit.
TRIES = 3


class Postponed(Exception):
    """A run that was only to follow changes would have to read everything, and that was done not long ago."""


def choose_kind(run: Run) -> Generator[None, None, None]:
    """Decide whether the run is a delta, and then plan it; a full run goes on with `look_up`. Raises Postponed."""
    if not run.state.kind:
        try:
            _plan_delta(run)
            run.state.kind = "delta"
        except Doubt as doubt:
            _be_full(run, str(doubt))
        run.save()
        yield


def _be_full(run: Run, why: str) -> None:
    state, proven = run.state, _state_of(run)
    before = proven.load()
    floor_ms = run.settings.sync_interval_floor_s * 1000
    if (
        state.mode == "delta"
        and before
        and not _is_approved(run)
        and state.began_ms - before.full_ms < floor_ms
    ):
        raise Postponed(
            f"{why}; the last full run was at {moment(before.full_ms)} UTC, the next one is due soon"
        )
    state.kind, state.why, state.lists = "full", why, None
    if not state.dry_run:
        proven.doubt("the last full run did not end")


def _state_of(run: Run) -> ProvenState:
    return ProvenState(run.redis, run.state.collection.name)


def _plan_delta(run: Run) -> None:
    """Plan what follows from what has changed; raises Doubt where a delta run is not possible."""
    state, caller, known = run.state, run.tools.threatq, _state_of(run)
    collection = find_collection(caller, state.reading.name)
    now, state.asked_s = now_ms(run.redis), server_time(caller)
    state.skew_s = (state.asked_s or 0.0) - now / 1000
    state.query = short(query_text(collection))
    proven = known.load()
    existing = existing_lists(run) if proven and not proven.doubt else []
    why = why_full(proven, _circumstances(run, collection, existing, now))
    if why or proven is None:
        raise Doubt(why)
    _look_after_abandoned(run)
    since_s = proven.asked_s - run.settings.sync_delta_overlap_s
    delta = _changes(run, known, collection, proven, since_s)
    state.why = f"{state.changed:,} indicators have changed since {moment(since_s * 1000)} UTC"
    state.lists = DeltaLists(run, known, proven, delta).plan(existing)
    state.full_ms = proven.full_ms
    state.taken = Gathered(read=delta.total, usable=delta.total)
    state.parts = [CollectionPart(state.reading.name, delta.total, delta.total, delta.total, {})]


def _circumstances(run: Run, collection: Collection, existing: list[ListState], now: int) -> Circumstances:
    state, targets = run.state, {item.name: item.found for item in existing if item.found}
    ours = run.tools.manifests.existing([target.guid for target in targets.values()])
    return Circumstances(
        rules=run.rules,
        query=state.query,
        moves_by_itself=moves_by_itself(collection),
        collections=len(state.collection.collections),
        server_s=state.asked_s,
        now_ms=now,
        full_interval_s=run.settings.sync_full_interval_s,
        present={
            name: Present(target.guid, target.entry_count, target.is_retired, target.guid in ours)
            for name, target in targets.items()
        },
        is_full_asked=state.mode == "full",
        is_dry_run=state.dry_run,
        is_approved=_is_approved(run),
    )


def _is_approved(run: Run) -> bool:
    """Tell whether deletes of the collection were approved that are not carried out yet."""
    return any(
        pending.approved_ms and pending.collection == run.state.collection.name
        for pending in run.tools.approvals.every()
    )


def _look_after_abandoned(run: Run) -> None:
    look_for_abandoned(run)
    if run.state.abandoned and run.state.decisions.sync_abandoned == "retire":
        raise Doubt(f"{run.state.abandoned[0].name} is abandoned and to be retired")


def _changes(run: Run, known: ProvenState, collection: Collection, proven: Proven, since_s: float) -> Delta:
    """Return what has changed, once the counts prove it; raises Doubt."""
    doubt = ""
    total: int | None = None

    def count() -> None:
        nonlocal total
        total = count_rows(run.tools.threatq, collection)

    for _ in range(TRIES):
        with meanwhile(count):
            changed, is_whole = _read(run, changed_since(EVERYTHING, since_s), most_rows(proven.total))
        inside, is_inside_whole = (
            _read(run, changed_since(collection, since_s), most_rows(proven.total))
            if changed
            else (changed, True)
        )
        both = {**changed, **inside}
        delta = compare(_judged(run, both.values(), inside), known.rows(both), proven)
        if delta.doubt:
            raise Doubt(delta.doubt)
        if total == delta.total and is_whole and is_inside_whole:
            run.state.changed = len(both)
            return delta
        doubt = f"ThreatQ counts {total or 0:,} indicators, and the changes come to {delta.total:,}"
    raise Doubt(doubt)


def _read(run: Run, collection: Collection, most: int) -> tuple[dict[int, Row], bool]:
    """Return the rows of a collection by id, and whether as many came as ThreatQ declared, at first or at last.

    Raises Doubt where there are more than a delta run pays for, and where ThreatQ declares nothing.
    """
    rows: dict[int, Row] = {}
    declared: list[int] = []
    for page in read_pages(run.tools.threatq, collection):
        if page.total is None:
            raise Doubt("ThreatQ does not say how many indicators have changed")
        declared.append(page.total)
        rows.update((row.id, row) for row in page.rows)
        if max(page.total, len(rows)) > most:
            raise Doubt(f"{page.total:,} indicators have changed: reading everything is quicker")
        run.progress.tell("", "gather", len(rows), page.total)
        run.time_slice.checkpoint()
    return rows, len(rows) in (declared[0], declared[-1])


def _judged(run: Run, rows: Iterable[Row], inside: Container[int]) -> list[ChangedRow]:
    """Return what rows come to, of which those `inside` are in the collection; those of a type together."""
    sorting, by_type = run.gathering(), defaultdict[str, list[Row]](list)
    for row in rows:
        by_type[row.type_name].append(row)
    return [row for name, some in by_type.items() for row in _of_type(run, sorting, name, some, inside)]


def _of_type(
    run: Run, sorting: Gathering, name: str, rows: Sequence[Row], inside: Container[int]
) -> Iterator[ChangedRow]:
    type_name = run.options.types.canonical(name)
    if type_name is None:
        yield from (ChangedRow(row.id, "", "", 0, None, row.id in inside) for row in rows)
        return
    normal, split_by = run.options.types[type_name].normal, run.state.reading.split_by
    blocked = run.options.known_good.blocked(type_name, [row.value for row in rows if row.id in inside])
    for row in rows:
        entry, is_inside = normal(row.value) or "", row.id in inside
        is_wanted = is_inside and entry and row.value not in blocked
        wanted_in = sorting.list_of(row, split_by) if is_wanted else None
        rank = score_rank(whole_score(row.score)) + time_rank(row.created_at or "") if wanted_in else 0
        yield ChangedRow(row.id, type_name, entry, rank, wanted_in, is_inside)
