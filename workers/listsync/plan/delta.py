"""What a delta run decides: whether what was proven last still holds, and what follows from the rows that changed.

Every doubt leads to a full run. Nothing is deleted because it is absent: an entry goes only when its indicator is seen
to have changed and to be in the collection no more, and when the counts of both sides agree with that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from msgspec import Struct, structs

from workers.core.text import moment
from workers.listsync.plan.known_rows import NO_LIST, KnownRow, check_of
from workers.listsync.plan.manifest import digest
from workers.listsync.plan.naming import ListKey

#: Seconds by which ThreatQ's clock may have moved against Redis' since the last run: more is a jump.
MOST_DRIFT_S = 30.0

#: Seconds within which the guard judges the deletes of all deltas together, as those of one run.
COUNTED_S = 3_600

#: Changed rows up to which a delta run pays: a share of the collection, and in any case a page or so.
MOST_SHARE, LEAST_ROWS, MOST_ROWS = 0.05, 2_000, 50_000


class ProvenList(Struct, frozen=True, kw_only=True):
    """A list as the last run left it; its number in the known rows is its place in `Proven.lists`.

    `guid` is "" while it does not exist. `put` counts the entries that small jobs have put in since, `deleted` what
    deltas deleted since `Proven.counted_ms`. `is_pending`: deletes wait for an approval, and until then only full runs
    delete. `has_manifest`: some of its entries are noted as ours.
    """

    name: str
    type: str
    bucket: str
    guid: str = ""
    entry_count: int = 0
    is_retired: bool = False
    put: int = 0
    deleted: int = 0
    is_pending: bool = False
    has_manifest: bool = False

    @property
    def key(self) -> ListKey:
        """Which list of the family it is."""
        return ListKey(self.type, self.bucket)


class Proven(Struct, frozen=True, kw_only=True):
    """What the last run proved of a collection and its lists.

    `rules` and `query` are digests of the settings and of the saved search; `asked_s` is when that run began to read,
    by ThreatQ's clock, and `skew_s` how far that was ahead of Redis'; `total` counts the indicators. `full_ms` and
    `delta_ms` are when the last runs ended. `doubt` says why it cannot be gone on from.
    """

    rules: str
    query: str
    asked_s: float
    skew_s: float
    total: int
    lists: tuple[ProvenList, ...]
    full_ms: int
    delta_ms: int = 0
    counted_ms: int = 0
    doubt: str = ""

    def counted_from(self, now_ms: int) -> Proven:
        """Return it with the deletes of deltas counted anew, where those of the last hour have all been judged."""
        if now_ms - self.counted_ms < COUNTED_S * 1000:
            return self
        lists = tuple(structs.replace(item, deleted=0) for item in self.lists)
        return structs.replace(self, lists=lists, counted_ms=now_ms)


class Present(Struct, frozen=True):
    """A list as LogRhythm describes it now, and whether Redis has a manifest of it."""

    guid: str
    entry_count: int
    is_retired: bool = False
    has_manifest: bool = False


class Circumstances(Struct, frozen=True, kw_only=True):
    """What a run finds before it reads anything: `server_s` is ThreatQ's clock, `now_ms` Redis'."""

    rules: str
    query: str
    moves_by_itself: bool
    collections: int = 1
    server_s: float | None
    now_ms: int
    full_interval_s: float
    present: Mapping[str, Present]
    is_full_asked: bool = False
    is_dry_run: bool = False
    is_approved: bool = False


def why_full(proven: Proven | None, now: Circumstances) -> str:
    """Say why everything has to be read; "" where a delta run may go on from what was proven."""
    if now.is_full_asked or now.is_dry_run or not now.full_interval_s:
        return _why_wanted(now)
    if proven is None:
        return "no full run has proven anything of this collection yet"
    if proven.doubt:
        return proven.doubt
    age_s = now.now_ms / 1000 - proven.full_ms / 1000
    reasons = (
        (proven.rules != now.rules, "the settings have changed"),
        (proven.query != now.query, "the saved search has changed"),
        (now.collections > 1, "several data collections feed the same lists"),
        (now.moves_by_itself, "the saved search holds a relative date: what it finds changes by itself"),
        (now.is_approved, "deletes were approved"),
        (age_s >= now.full_interval_s, f"the last full run was at {moment(proven.full_ms)} UTC"),
        (_has_jumped(proven, now), "ThreatQ's clock does not go on from where it was"),
    )
    return next((reason for holds, reason in reasons if holds), "") or _list_doubt(proven, now.present)


def _why_wanted(now: Circumstances) -> str:
    if now.is_full_asked:
        return "it was asked for"
    return "a dry run looks at everything" if now.is_dry_run else "sync_full_interval_s is 0"


def _has_jumped(proven: Proven, now: Circumstances) -> bool:
    if now.server_s is None or now.server_s < proven.asked_s:
        return True
    return abs(now.server_s - now.now_ms / 1000 - proven.skew_s) > MOST_DRIFT_S


def _list_doubt(proven: Proven, present: Mapping[str, Present]) -> str:
    """Say which list is not as the last run left it; "" where all are."""
    for item in proven.lists:
        now = present.get(item.name)
        if now is None and item.guid:
            return f"{item.name} is not in LogRhythm any more"
        if now and now.guid != item.guid:
            return f"{item.name} is another list than it was"
        if now and now.is_retired != item.is_retired:
            return f"{item.name} is {'' if now.is_retired else 'not '}retired in LogRhythm"
        if now and now.entry_count != item.entry_count:
            return f"{item.name} has {now.entry_count:,} entries and the last run left {item.entry_count:,}"
        if now and item.has_manifest and not now.has_manifest:
            return f"what we put into {item.name} is not noted in Redis any more"
    new = sorted(present.keys() - {item.name for item in proven.lists})
    return f"{new[0]} is new in LogRhythm" if new else ""


def most_rows(total: int) -> int:
    """Return up to how many changed rows a delta run pays."""
    return min(max(int(total * MOST_SHARE), LEAST_ROWS), MOST_ROWS)


class ChangedRow(Struct, frozen=True, gc=False):
    """An indicator that changed: its entry as the type's normal form, "" for none, and the list that shall have it."""

    id: int
    type: str
    entry: str
    rank: int
    list: ListKey | None
    is_inside: bool


class ListChanges(NamedTuple):
    """What changes in one list: entries with their ranks, those of them that came twice, and entries that go."""

    adds: dict[str, int]
    repeated: set[str]
    deletes: set[str]


class Delta(Struct, frozen=True, kw_only=True):
    """What follows from the rows that changed; `total` is how many the collection must have then.

    `rows` are those that are known otherwise from now on, None where they left; their lists are numbered as `keys` are.
    """

    total: int
    changes: dict[ListKey, ListChanges]
    rows: dict[int, KnownRow | None]
    keys: tuple[ListKey, ...]
    doubt: str = ""


def compare(changed: Collection[ChangedRow], known: Mapping[int, KnownRow], proven: Proven) -> Delta:
    """Compare the rows that changed with what was known of them."""
    keys = list(dict.fromkeys([*(item.key for item in proven.lists), *_lists_of(changed)]))
    numbers = {key: number for number, key in enumerate(keys)}
    changes: defaultdict[ListKey, ListChanges] = defaultdict(lambda: ListChanges({}, set(), set()))
    rows: dict[int, KnownRow | None] = {}
    doubt = ""
    for row in changed:
        before, check = known.get(row.id), check_of(row.entry)
        was_in = keys[before.list] if before and before.list != NO_LIST else None
        if was_in and before and (was_in.type != row.type or before.check != check):
            doubt = doubt or f"the indicator {row.id} has another value than it had"
            continue
        if was_in and was_in != row.list:
            changes[was_in].deletes.add(row.entry)
        if row.list and row.list != was_in:
            _add(changes[row.list], row)
        number = numbers[row.list] if row.list else NO_LIST
        after = KnownRow(number, check if row.list else 0) if row.is_inside else None
        if after != before:
            rows[row.id] = after
    total = proven.total + sum(row.is_inside for row in changed) - sum(row.id in known for row in changed)
    return Delta(total=total, changes=dict(changes), rows=rows, keys=tuple(keys), doubt=doubt)


def _add(changes: ListChanges, row: ChangedRow) -> None:
    if row.entry in changes.adds:
        changes.repeated.add(row.entry)
    changes.adds[row.entry] = max(row.rank, changes.adds.get(row.entry, 0))


def _lists_of(changed: Iterable[ChangedRow]) -> list[ListKey]:
    return sorted({row.list for row in changed if row.list})


class Sorted(Struct, frozen=True, kw_only=True):
    """The changes of one list, by what is known of its entries, each a digest.

    `adds` are those to be written, without what others put there before; `fresh` those of them that are not ours yet;
    `others` entries of others that turned out to be in the list;
    `shared` those that more than one indicator has.
    """

    adds: dict[str, int]
    deletes: tuple[str, ...]
    fresh: tuple[str, ...]
    others: frozenset[bytes]
    shared: frozenset[bytes]
    doubt: str = ""


def sort_out(
    changes: ListChanges,
    *,
    ours: Collection[bytes],
    others: Collection[bytes],
    shared: Collection[bytes],
    gone: Collection[bytes],
    put: Collection[bytes],
    key_of: Callable[[str], str],
) -> Sorted:
    """Tell what is to be written: never an entry that others put there, nor one that another indicator still has.

    What is `gone` was taken out of the list already, and what was `put` into it must be among the additions.
    """
    staying = changes.adds.keys() & changes.deletes
    adds = {entry: rank for entry, rank in changes.adds.items() if entry not in staying}
    deletes = {entry for entry in changes.deletes - staying if digest(entry) not in gone}
    again = min((entry for entry in deletes if digest(entry) in shared), default="")
    foreign = {entry for entry in deletes if digest(entry) not in ours}
    known = {entry for entry in adds if digest(entry) in ours}
    is_there = {entry for entry in adds if digest(entry) in put or digest(key_of(entry)) in others}
    written = {entry: rank for entry, rank in adds.items() if entry not in is_there}
    doubt = f"more than one indicator has the entry {again}" if again else ""
    if len(put) > sum(digest(entry) in put for entry in adds):
        doubt = "an entry was put in at once whose indicator is not seen to have come"
    return Sorted(
        adds=written,
        deletes=tuple(sorted(deletes - foreign)),
        fresh=tuple(sorted(written.keys() - known)),
        others=frozenset(digest(key_of(entry)) for entry in foreign),
        shared=frozenset(digest(entry) for entry in (known - is_there) | staying | changes.repeated),
        doubt=doubt,
    )
