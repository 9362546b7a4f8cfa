"""Where one value is and where it should be: its collection, its list, and why it is not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from workers.core.errors import ConfigError
from workers.core.sync_report import RunResult
from workers.indicators.refang import refang
from workers.ledger.client import RedisClient
from workers.ledger.sync_runs import history
from workers.listsync.plan.mapping import ListFamily, MappedCollection
from workers.listsync.plan.naming import ListKey, bucket, list_name
from workers.listsync.run.approvals import Approvals
from workers.listsync.run.run import Options, Tools
from workers.logrhythm.model import ListSummary
from workers.threatq.collections import find_collection, look_up
from workers.threatq.rows import Row, whole_score

#: Longest list that is read to see whether a value is in it; of a longer one only our own notes are asked.
MOST_READ = 2_000_000


class Place(Struct, frozen=True):
    """One list in which the value is or should be; `in_list` is None where the list was not read."""

    list: str
    exists: bool
    wanted: bool
    in_list: bool | None
    ours: bool
    why: str = ""


class WantedEntry(NamedTuple):
    """Where an indicator should be: its entry in a list, and the last part of that list's name."""

    entry: str
    bucket: str


class Explanation(Struct, frozen=True):
    """What is known of a value for one family of lists; `why` says why it is in no list, if so.

    `in_collections` names the data collections that hold it, of those that feed the lists.
    """

    collection: str
    in_collection: bool
    type: str = ""
    score: int | None = None
    bucket: str = ""
    places: tuple[Place, ...] = ()
    last_run_ms: int | None = None
    last_run_status: str = ""
    why: str = ""
    in_collections: tuple[str, ...] = ()


class Explainer:
    """Asks both services about one value."""

    def __init__(self, redis: RedisClient, options: Options, tools: Tools, *, reads: bool = True) -> None:
        self._redis, self._options, self._tools, self._reads = redis, options, tools, reads
        self._pending = Approvals(redis)

    def explain(self, value: str, collections: tuple[ListFamily, ...]) -> Iterator[Explanation]:
        """Yield what is known for each family of lists."""
        spellings = self._spellings(value)
        anywhere = look_up(self._tools.threatq, None, spellings)
        for collection in collections:
            yield self._explanation(collection, spellings, anywhere)

    def _spellings(self, value: str) -> list[str]:
        plain = refang(value.strip())
        forms = (self._options.types[name].normal(plain) for name in self._options.types)
        return list(dict.fromkeys([value.strip(), plain, *(form for form in forms if form)]))

    def _explanation(self, family: ListFamily, spellings: list[str], anywhere: list[Row]) -> Explanation:
        try:
            hits = dict(self._hits(family, spellings))
        except ConfigError as error:
            return Explanation(family.name, False, why=str(error))
        row = next(iter(hits.values()), None)
        wanted = dict(self._wanted(family, hits))
        last = self._last_run(family.name)
        known = row or (anywhere[0] if anywhere else None)
        return Explanation(
            collection=family.name,
            in_collection=row is not None,
            type=known.type_name if known else "",
            score=whole_score(known.score) if known else None,
            bucket=next((item.bucket for item in wanted.values()), ""),
            places=tuple(self._places(family, wanted, spellings)),
            last_run_ms=last.began_ms if last else None,
            last_run_status=last.status if last else "",
            why=self._why(row, anywhere, bool(wanted)),
            in_collections=tuple(collection.name for collection in hits),
        )

    def _hits(self, family: ListFamily, spellings: list[str]) -> Iterator[tuple[MappedCollection, Row]]:
        """Yield the data collections that hold the value, each with the row."""
        for collection in family.collections:
            listing = find_collection(self._tools.threatq, collection.name)
            for row in look_up(self._tools.threatq, listing, spellings)[:1]:
                yield collection, row

    def _wanted(
        self, family: ListFamily, hits: dict[MappedCollection, Row]
    ) -> Iterator[tuple[str, WantedEntry]]:
        """Yield the lists that the rows belong to, by name; none where no list takes them."""
        for collection, row in hits.items():
            name = self._options.types.canonical(row.type_name)
            entry = self._options.types[name].normal(row.value) if name else None
            if name is None or entry is None or self._options.kept_out(row):
                continue
            in_bucket = bucket(whole_score(row.score), collection.split_by, self._options.bands)
            yield list_name(family.base_name, ListKey(name, in_bucket)), WantedEntry(entry, in_bucket)

    def _places(
        self, family: ListFamily, wanted: dict[str, WantedEntry], spellings: list[str]
    ) -> Iterator[Place]:
        names = family.lists(self._options.types)
        existing = self._tools.logrhythm.lists.named(names, common=family.base_name)
        values = {*(item.entry for item in wanted.values()), *spellings}
        for name, key in names.items():
            summary, caseless = existing.get(name), self._options.types[key.type].caseless
            ours = summary is not None and self._is_ours(summary, values, caseless=caseless)
            if name not in wanted and not ours:
                continue
            in_list = self._is_in(summary, values) if summary else False
            why = self._doubt(name, summary, name in wanted, in_list)
            yield Place(name, summary is not None, name in wanted, in_list, ours, why)

    def _is_ours(self, summary: ListSummary, values: set[str], *, caseless: bool) -> bool:
        manifests = self._tools.manifests
        return any(manifests.has(summary.guid, value, caseless=caseless) for value in values)

    def _is_in(self, summary: ListSummary, values: set[str]) -> bool | None:
        if not self._reads:
            return None
        blocks = self._tools.logrhythm.entries.read_blocks(summary, at_most=MOST_READ)
        # Read to its end even after a hit: only a whole answer proves anything.
        hits = [block for block in blocks if not values.isdisjoint(block)]
        return bool(hits)

    def _doubt(self, name: str, summary: ListSummary | None, wanted: bool, in_list: bool | None) -> str:
        if wanted and summary is None:
            return "the list does not exist yet; the next run makes it"
        if wanted and summary and summary.is_retired:
            return "the list is retired in LogRhythm"
        if wanted and in_list is False:
            return "the next run adds it, unless the list is full (tqctl sync plan)"
        if (
            not wanted
            and in_list is not False
            and any(pending.list == name for pending in self._pending.every())
        ):
            return "its delete may wait for approval (tqctl sync held)"
        if not wanted and in_list is not False:
            return "it does not belong here any more; the next run with method full deletes it"
        return ""

    def _why(self, row: Row | None, anywhere: list[Row], is_wanted: bool) -> str:
        if row is None and not anywhere:
            return "ThreatQ does not know this value"
        if row is None:
            return "ThreatQ knows it, but it is not in this data collection"
        return self._options.kept_out(row) or (
            "" if is_wanted else f"no list takes a {row.type_name} of this form"
        )

    def _last_run(self, name: str) -> RunResult | None:
        return next((run for run in history(self._redis, most=1_000) if run.collection == name), None)
