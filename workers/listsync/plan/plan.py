"""What a sync is going to do, list by list: decided, counted and shown before anything is written."""

from __future__ import annotations

from collections.abc import Collection as Names
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct, field

from workers.core.sync_report import CollectionPart, ListResult
from workers.listsync.plan.batches import Batches
from workers.listsync.plan.diff import diff, fullness, trim
from workers.listsync.plan.guard import Approval, DeleteGuard, Listing, Withheld, within
from workers.listsync.plan.manifest import Manifest
from workers.listsync.plan.mapping import ListFamily
from workers.listsync.plan.naming import ListKey
from workers.listsync.plan.spill import Spill
from workers.listsync.plan.types import TypeTable

Method = Literal["add", "full"]

_NOTHING = Batches()


class Rules(Struct, frozen=True, kw_only=True):
    """What the settings say about every list."""

    method: Method = "add"
    guard: DeleteGuard = DeleteGuard()
    capacity: int = 1_000_000
    foreign_entries: Literal["keep", "delete"] = "keep"


class CollectionSource(Struct, frozen=True):
    """What was read of the data collections: the listing, how many rows fit a list, the rest by type, or by the status.

    `parts` says what each of them brought, where there are several.
    """

    listing: Listing
    usable: int
    unsupported: dict[str, int] = {}
    unusable: dict[str, int] = {}
    kept_out: dict[str, int] = {}
    known_good: dict[str, int] = {}
    known_good_samples: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    parts: tuple[CollectionPart, ...] = ()


class ListTarget(Struct, frozen=True):
    """A list as it is: its entries on disk and what its own listing proved; absent lists have none."""

    name: str
    key: ListKey
    present: Spill
    listing: Listing = Listing(0, 0)
    exists: bool = False


class ListPlan(Struct, frozen=True, kw_only=True):
    """What happens to one list; `adds` and `released` are all that is carried out.

    `deletes` is what should go, `pending` why it may not yet, `released` what goes now. `stays` counts
    entries that left the collection and stay because the method only adds. `foreign` are entries of
    others (the drift), `adopted` those that the manifest takes over on a first run.
    """

    id: str
    name: str
    type: str
    bucket: str
    exists: bool
    now: int
    wanted: int
    adds: Batches = _NOTHING
    deletes: Batches = _NOTHING
    released: Batches = _NOTHING
    pending: Withheld | None = field(default=None, name="held")
    stays: int = 0
    foreign: Batches = _NOTHING
    adopted: Batches = _NOTHING
    left_out: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def pending_id(self) -> str:
        """What the deletes are called for an approval: the same for as long as they are the same."""
        return plan_id(self.name, self.deletes.digest)

    @property
    def after(self) -> int:
        """How many entries the list has when the plan was carried out."""
        return self.now + self.adds.count - self.released.count

    def result(self) -> ListResult:
        """Return the plan as a report shows it."""
        return ListResult(
            name=self.name,
            now=self.now,
            adds=self.adds.count,
            deletes=self.released.count,
            after=self.after,
            pending=self.pending.count if self.pending else 0,
            foreign=self.foreign.count,
            left_out=self.left_out,
        )

    @property
    def calls(self) -> int:
        """How many write calls the plan takes, creating the list included."""
        return self.adds.calls + self.released.calls + (not self.exists and self.adds.count > 0)

    def fits_before_deletes(self, capacity: int) -> bool:
        """Return whether the list can take every addition before the first delete, so that none is missed."""
        return self.now + self.adds.count <= capacity

    def write_calls(self, capacity: int) -> Iterator[tuple[bool, list[str]]]:
        """Yield the entries of one call after the other, and whether they are added.

        First all additions, so that no entry is missing for a while; where the list has no room for them, a call's
        worth of deletes goes before each.
        """
        adds = ((True, values) for values in self.adds.read())
        deletes = ((False, values) for values in self.released.read())
        if not self.fits_before_deletes(capacity):
            for delete in deletes:
                yield delete
                yield from islice(adds, 1)
        yield from adds
        yield from deletes


class SyncPlan(Struct, frozen=True, kw_only=True):
    """What a sync of one collection does; the id is the digest of its content."""

    id: str
    collection: str
    method: Method
    source: CollectionSource
    lists: tuple[ListPlan, ...]

    @property
    def pending(self) -> tuple[ListPlan, ...]:
        """The lists whose deletes wait."""
        return tuple(plan for plan in self.lists if plan.pending)


def lists_to_plan(
    collection: ListFamily, types: TypeTable, wanted: Names[str], existing: Names[str]
) -> dict[str, ListKey]:
    """Return the lists of a family that have an entry or exist, by name.

    Existing lists that nothing is wanted in any more are among them: their entries have to go.
    """
    names = collection.lists(types)
    return {name: key for name, key in names.items() if name in wanted or name in existing}


def plan_list(
    target: ListTarget,
    wanted: Spill,
    source: CollectionSource,
    *,
    manifest: Manifest | None,
    rules: Rules,
    folder: Path,
) -> ListPlan:
    """Decide what happens to one list; files with the entries go into `folder`.

    A `manifest` of None means that we never wrote to the list: what is wanted and there becomes ours.
    """
    full = rules.method == "full"
    changes = diff(
        wanted,
        target.present,
        manifest,
        folder,
        capacity=rules.capacity if full else None,
        delete_foreign=rules.foreign_entries == "delete",
    )
    now = target.listing.read
    deletes = changes.gone if full else _NOTHING
    pending = rules.guard.judge(
        deletes=deletes.count, now=now, source=source.listing, usable=source.usable, target=target.listing
    )
    released = _NOTHING if pending else deletes
    room = max(rules.capacity - now + released.count, 0)
    adds = trim(changes.adds, room, folder / "trimmed")
    left_out = changes.left_out + changes.adds.count - adds.count
    return ListPlan(
        id=plan_id(target.name, rules.method, adds.digest, deletes.digest),
        name=target.name,
        type=target.key.type,
        bucket=target.key.bucket,
        exists=target.exists,
        now=now,
        wanted=changes.wanted,
        adds=adds,
        deletes=deletes,
        released=released,
        pending=pending,
        stays=0 if full else changes.gone.count,
        foreign=changes.foreign,
        adopted=changes.adopted,
        left_out=left_out,
        warnings=_warnings(now + adds.count - released.count, left_out, rules.capacity),
    )


def plan_emptying(target: ListTarget, *, manifest: Manifest | None, folder: Path) -> ListPlan:
    """Decide what happens to a list that no collection feeds any more: what is ours goes, once that is approved."""
    nothing = Spill(folder / "nothing")
    changes = diff(nothing, target.present, manifest or {}, folder)
    count = changes.gone.count
    pending = (
        Withheld(count, "no data collection feeds this list any more", approvable=True) if count else None
    )
    return ListPlan(
        id=plan_id(target.name, "empty", changes.gone.digest),
        name=target.name,
        type=target.key.type,
        bucket=target.key.bucket,
        exists=target.exists,
        now=target.listing.read,
        wanted=0,
        deletes=changes.gone,
        pending=pending,
        foreign=changes.foreign,
    )


def approve(plan: ListPlan, approval: Approval, path: Path, *, caseless: bool) -> ListPlan:
    """Return a plan that also deletes what was pending in an earlier plan of the same list and then approved.

    Only deletes that both plans have are let through. What may not be approved goes on waiting.
    """
    if plan.name != approval.list or plan.pending is None or not plan.pending.approvable:
        return plan
    released = within(plan.deletes, approval.deletes, path, caseless=caseless)
    waiting = plan.deletes.count - released.count
    pending = (
        Withheld(waiting, "not among the deletes that were approved", approvable=True) if waiting else None
    )
    return msgspec.structs.replace(plan, released=released, pending=pending)


def sync_plan(
    collection: ListFamily, source: CollectionSource, method: Method, lists: Mapping[str, ListPlan]
) -> SyncPlan:
    """Put the plans of a collection's lists together, in the order of their names."""
    ordered = tuple(lists[name] for name in sorted(lists))
    return SyncPlan(
        id=plan_id(collection.name, method, *(plan.id for plan in ordered)),
        collection=collection.name,
        method=method,
        source=source,
        lists=ordered,
    )


def plan_id(*parts: str) -> str:
    """Return the id of a plan that is made of these parts."""
    return blake2b(msgspec.json.encode(parts), digest_size=8).hexdigest()


def _warnings(after: int, left_out: int, capacity: int) -> tuple[str, ...]:
    nearly_full = fullness(after, capacity)
    cut = f"{left_out:,} entries are left out: the lowest scores, then the oldest" if left_out else ""
    return tuple(text for text in (nearly_full, cut) if text)
