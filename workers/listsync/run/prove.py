"""What a run has proven is written down at its end, so that the next one may be a delta."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import structs

from workers.ledger.connection import now_ms
from workers.listsync.plan.delta import Proven, ProvenList
from workers.listsync.plan.gather import ROWS
from workers.listsync.plan.known_rows import ROW_BYTES, read_blocks
from workers.listsync.plan.manifest import WIDTH, digest
from workers.listsync.plan.naming import ListKey, list_name
from workers.listsync.plan.spill import key_of
from workers.listsync.run.delta_lists import PROVES, Proves
from workers.listsync.run.proven import Kind, ProvenState
from workers.listsync.run.run import Run
from workers.listsync.run.run_folder import ListState


def prove(run: Run) -> None:
    """Write down what a run has proven, now that its lists are written; a dry run proves nothing."""
    state = ProvenState(run.redis, run.state.collection.name)
    before = state.load()
    if run.state.dry_run or not run.settings.sync_full_interval_s:
        return
    if run.state.cancelled_by:
        state.doubt("the last run was cancelled")
    elif run.state.kind == "full":
        _prove_full(run, state, before)
    elif before:
        _prove_delta(run, state, before)


def _prove_full(run: Run, state: ProvenState, before: Proven | None) -> None:
    keys = _keys(run)
    items = {ListKey(item.type, item.bucket): item for item in run.lists if not item.is_abandoned}
    doubt = next(_doubts(run), "")
    blocks = {} if doubt else dict(read_blocks(run.folder.gathered / ROWS))
    if not doubt and sum(map(len, blocks.values())) != run.state.taken.read * ROW_BYTES:
        doubt = "the last full run was taken over by another host"
    if not doubt:
        state.begin(blocks.items(), dict(_digests(run, keys, items)))
    ours = _ours(run)
    state.save(
        Proven(
            rules=run.rules,
            query=run.state.query,
            asked_s=run.state.asked_s or 0.0,
            skew_s=run.state.skew_s,
            total=run.state.taken.read,
            lists=tuple(_list(run, key, items.get(key), ours) for key in keys),
            full_ms=now_ms(run.redis),
            delta_ms=before.delta_ms if before else 0,
            doubt=doubt,
        )
    )


def _keys(run: Run) -> list[ListKey]:
    """Return the lists in the order of their numbers: as they were met, then those that nothing is wanted in."""
    met = [ListKey(type_name, bucket) for type_name, bucket, *_ in run.state.taken.lists]
    known = [ListKey(item.type, item.bucket) for item in run.lists if not item.is_abandoned]
    return list(dict.fromkeys([*met, *known]))


def _ours(run: Run) -> set[str]:
    """Return those of the run's lists of which Redis has a manifest."""
    return run.tools.manifests.existing([item.found.guid for item in run.lists if item.found])


def _list(run: Run, key: ListKey, item: ListState | None, ours: set[str]) -> ProvenList:
    name = list_name(run.state.collection.base_name, key)
    proven = ProvenList(name=name, type=key.type, bucket=key.bucket)
    is_pending = bool(item and item.plan and item.plan.pending)
    return structs.replace(_as_left(proven, item, ours), is_pending=is_pending)


def _as_left(proven: ProvenList, item: ListState | None, ours: set[str]) -> ProvenList:
    if item is None or item.found is None:
        return proven
    target = item.found
    return structs.replace(
        proven,
        guid=target.guid,
        entry_count=target.entry_count if item.entry_count is None else item.entry_count,
        is_retired=target.is_retired,
        has_manifest=target.guid in ours,
    )


def _doubts(run: Run) -> Iterator[str]:
    """Say why no delta may go on from this full run."""
    if run.state.asked_s is None:
        yield "ThreatQ's answers bear no time"
    if not run.state.source.listing.complete:
        yield f"the last full run did not read everything: {run.state.source.listing.doubt()}"
    for item in run.lists:
        if item.error or item.plan is None:
            yield f"{item.name} failed in the last full run"
        elif item.plan.left_out:
            yield f"{item.name} is too small for all of its entries"
        elif item.plan.pending and item.plan.foreign.count and not run.state.decisions.foreign_stays:
            yield f"deletes of {item.name} wait, and among them entries of others"


def _digests(
    run: Run, keys: list[ListKey], items: dict[ListKey, ListState]
) -> Iterator[tuple[tuple[Kind, int], list[bytes]]]:
    """Yield of each list the digests of what others put there, and of what more than one indicator has."""
    wanted = run.gathering().wanted
    for number, key in enumerate(keys):
        item = items.get(key)
        if item is None or item.plan is None:
            continue
        key_of_entry = key_of(run.caseless(item))
        if item.plan.foreign.count and run.state.decisions.foreign_stays:
            foreign = [key_of_entry(entry) for entries in item.plan.foreign.read() for entry in entries]
            yield ("others", number), [digest(entry) for entry in foreign]
        spill = wanted.get(item.name)
        if spill and spill.count > item.plan.wanted:
            yield ("shared", number), [digest(entry) for entry in spill.repeated()]


def _prove_delta(run: Run, state: ProvenState, before: Proven) -> None:
    proves = msgspec.msgpack.decode((run.folder.path / PROVES).read_bytes(), type=Proves)
    items = {item.name: item for item in run.lists}
    doubts = [_surprise(run, item) for item in run.lists]
    ours = _ours(run)
    state.save(
        structs.replace(
            before,
            asked_s=run.state.asked_s or before.asked_s,
            skew_s=run.state.skew_s,
            total=proves.total,
            lists=tuple(_as_left(item, items.get(item.name), ours) for item in proves.lists),
            counted_ms=proves.counted_ms,
            delta_ms=now_ms(run.redis),
            doubt=next(filter(None, doubts), ""),
        ),
        proves.written,
    )


def _surprise(run: Run, item: ListState) -> str:
    """Say what went otherwise than planned with a list; "" where all is well.

    Where fewer entries came in than were new, some of them were put there by others and must not become ours.
    """
    if item.error:
        return f"{item.name} failed in the last run"
    plan, folder = item.plan, run.folder_of(item)
    if plan is None or item.found is None or item.entry_count is None or not plan.adds.count:
        return ""
    fresh = folder.digests.get("fresh", {})
    known = plan.adds.count - sum(len(packed) for packed in fresh.values()) // WIDTH
    if item.entry_count >= plan.after - known:
        return ""
    run.tools.manifests.removed(item.found.guid, item.name, fresh)
    return f"some entries were in {item.name} before they were added"
