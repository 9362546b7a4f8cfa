"""The lists in a delta run: planned from the rows that changed, without a look at their entries."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct, structs

from workers.listsync.plan.batches import Batches, BatchWriter
from workers.listsync.plan.delta import Delta, ListChanges, Proven, ProvenList, Sorted, sort_out
from workers.listsync.plan.guard import Listing, Withheld
from workers.listsync.plan.manifest import digest, digests_of
from workers.listsync.plan.naming import ListKey, list_name
from workers.listsync.plan.plan import ListPlan, plan_id
from workers.listsync.plan.spill import key_of, partitions
from workers.listsync.run.proven import Kind, ProvenState, digest_fields
from workers.listsync.run.run import Run
from workers.listsync.run.run_folder import ListState

#: The file, in the folder of the run, with what is proven once its lists are written.
PROVES = "proves"

_WAITS = "deletes of this list wait already; the next full run adds these to them"


class Doubt(Exception):
    """Why a delta run is not possible; its text is a clause."""


class Proves(Struct, frozen=True):
    """What is proven once the lists are written: the collection's total, the lists, and what is known of rows."""

    total: int
    lists: tuple[ProvenList, ...]
    written: dict[str, bytes]
    counted_ms: int


class DeltaLists:
    """Plans every list of a collection from a delta."""

    def __init__(self, run: Run, state: ProvenState, proven: Proven, delta: Delta) -> None:
        self._run, self._state, self._delta = run, state, delta
        self._proven = proven.counted_from(run.state.began_ms)
        self._digests: dict[tuple[Kind, int], frozenset[bytes]] = {}
        self._kept: dict[int, list[frozenset[bytes]]] = {}
        self._ours: dict[str, set[bytes]] = {}

    def plan(self, existing: list[ListState]) -> list[ListState]:
        """Return the lists with their plans, and keep for `prove` what they prove; raises Doubt."""
        by_name = {item.name: item for item in existing}
        before = [self._before(number, key) for number, key in enumerate(self._delta.keys)]
        items = [
            by_name.get(known.name) or ListState(name=known.name, type=known.type, bucket=known.bucket)
            for known in before
        ]
        self._look_up(before, items)
        proven = [self._plan(number, *both) for number, both in enumerate(zip(before, items, strict=True))]
        written = {**self._state.changed_rows(self._delta.rows), **digest_fields(self._digests)}
        proves = Proves(self._delta.total, tuple(proven), written, self._proven.counted_ms)
        (self._run.folder.path / PROVES).write_bytes(msgspec.msgpack.encode(proves))
        lists = (item for item in items if item.found or (item.plan and item.plan.calls))
        return sorted(lists, key=lambda item: item.name)

    def _look_up(self, before: list[ProvenList], items: list[ListState]) -> None:
        """Fetch what is known of the entries that change, of all lists together."""
        changes = {number: self._delta.changes.get(known.key) for number, known in enumerate(before)}
        touched = [number for number, known in enumerate(before) if changes[number] or known.put]
        self._kept = self._state.digests(touched, "others", "shared", "gone", "put")
        wanted = {
            item.found.guid: digests_of([[*some.adds, *some.deletes]], caseless=self._run.caseless(item))
            for item, some in zip(items, changes.values(), strict=True)
            if item.found and some
        }
        self._ours = self._run.tools.manifests.ours_among(wanted)

    def _before(self, number: int, key: ListKey) -> ProvenList:
        if number < len(self._proven.lists):
            return self._proven.lists[number]
        name = list_name(self._run.state.collection.base_name, key)
        return ProvenList(name=name, type=key.type, bucket=key.bucket)

    def _plan(self, number: int, before: ProvenList, item: ListState) -> ProvenList:
        """Plan one list and return how it will be."""
        changes = self._delta.changes.get(before.key, ListChanges({}, set(), set()))
        if number not in self._kept:
            item.plan, item.is_written, item.keeps_pending = _nothing(before, item), True, True
            return before
        whole = self._sort_out(number, item, changes)
        plan = self._list_plan(before, item, whole)
        if plan.after > self._run.options.rules.capacity:
            raise Doubt(f"{item.name} has no room for every addition")
        item.plan, item.keeps_pending = plan, before.is_pending
        item.is_written = not plan.calls
        _keep_digests(self._run, item, plan, whole)
        return structs.replace(
            before,
            deleted=before.deleted + plan.released.count,
            is_pending=before.is_pending or plan.pending is not None,
            put=0,
        )

    def _sort_out(self, number: int, item: ListState, changes: ListChanges) -> Sorted:
        others, shared, gone, put = self._kept[number]
        whole = sort_out(
            changes,
            ours=self._ours.get(item.found.guid, set()) if item.found else set(),
            others=others,
            shared=shared,
            gone=gone,
            put=put,
            key_of=key_of(self._run.caseless(item)),
        )
        if whole.doubt:
            raise Doubt(f"{item.name}: {whole.doubt}")
        if put:
            self._digests["put", number] = frozenset()
        if whole.others:
            self._digests["others", number] = others | whole.others
        if whole.shared:
            self._digests["shared", number] = shared | whole.shared
        if gone:
            self._digests["gone", number] = gone - {digest(entry) for entry in whole.adds}
        return whole

    def _list_plan(self, before: ProvenList, item: ListState, whole: Sorted) -> ListPlan:
        run, is_full = self._run, self._run.options.rules.method == "full"
        folder = run.folder_of(item)
        folder.path.mkdir(parents=True, exist_ok=True)
        adds = _batches(whole.adds, folder.path / "adds", caseless=run.caseless(item))
        gone = dict.fromkeys(whole.deletes, 0) if is_full else {}
        deletes = _batches(gone, folder.path / "gone", caseless=run.caseless(item))
        pending = self._judge(before, deletes.count)
        released = Batches() if pending else deletes
        return structs.replace(
            _nothing(before, item),
            id=plan_id(item.name, run.options.rules.method, adds.digest, deletes.digest),
            adds=adds,
            deletes=deletes,
            released=released,
            pending=pending,
            stays=0 if is_full else len(whole.deletes),
        )

    def _judge(self, before: ProvenList, deletes: int) -> Withheld | None:
        """Let the guard judge these deletes with those of earlier deltas: many small ones are a large one."""
        if deletes and before.is_pending:
            return Withheld(deletes, _WAITS, approvable=False)
        count, total = before.entry_count, self._delta.total
        withheld = self._run.options.rules.guard.judge(
            deletes=deletes + before.deleted if deletes else 0,
            now=count + before.deleted,
            source=Listing(total, total),
            usable=total,
            target=Listing(count, count),
        )
        return withheld and structs.replace(withheld, count=deletes)


def _nothing(before: ProvenList, item: ListState) -> ListPlan:
    return ListPlan(
        id=plan_id(item.name),
        name=item.name,
        type=item.type,
        bucket=item.bucket,
        exists=item.found is not None,
        now=before.entry_count,
        wanted=before.entry_count,
    )


def _batches(entries: dict[str, int], path: Path, *, caseless: bool) -> Batches:
    """Write entries in the order in which a full run writes them, so that the same deletes have the same id."""
    writer = BatchWriter(path)
    parts = partitions(list(entries), key_of(caseless))
    ordered = sorted(zip(parts, entries, strict=True))
    writer.extend([entry for _, entry in ordered], [entries[entry] for _, entry in ordered])
    return writer.close()


def _keep_digests(run: Run, item: ListState, plan: ListPlan, whole: Sorted) -> None:
    caseless = run.caseless(item)
    kinds = {"adds": plan.adds.read(), "released": plan.released.read(), "fresh": [list(whole.fresh)]}
    digests = {kind: digests_of(batches, caseless=caseless) for kind, batches in kinds.items()}
    run.folder_of(item).keep_digests(digests)
