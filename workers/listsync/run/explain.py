"""Where one value is and where it should be: its collection, its list, and why it is not there."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from workers.core.errors import ConfigError
from workers.core.results import RunResult
from workers.indicators.refang import refang
from workers.ledger.client import RedisClient
from workers.ledger.sync_runs import history
from workers.listsync.plan.mapping import ListFamily
from workers.listsync.plan.naming import ListKey, bucket, family, list_name
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


class Explanation(Struct, frozen=True):
    """What is known of a value for one collection; `why` says why it is in no list, if so."""

    collection: str
    in_collection: bool
    type: str = ""
    score: int | None = None
    bucket: str = ""
    places: tuple[Place, ...] = ()
    last_run_ms: int | None = None
    last_run_status: str = ""
    why: str = ""


class Explainer:
    """Asks both services about one value."""

    def __init__(self, redis: RedisClient, options: Options, tools: Tools, *, reads: bool = True) -> None:
        self._redis, self._options, self._tools, self._reads = redis, options, tools, reads
        self._pending = Approvals(redis)

    def explain(self, value: str, collections: tuple[ListFamily, ...]) -> Iterator[Explanation]:
        """Yield what is known for each collection."""
        spellings = self._spellings(value)
        anywhere = look_up(self._tools.threatq, None, spellings)
        for collection in collections:
            yield self._explanation(collection, spellings, anywhere)

    def _spellings(self, value: str) -> list[str]:
        plain = refang(value.strip())
        forms = (self._options.types[name].normal(plain) for name in self._options.types)
        return list(dict.fromkeys([value.strip(), plain, *(form for form in forms if form)]))

    def _explanation(self, collection: ListFamily, spellings: list[str], anywhere: list[Row]) -> Explanation:
        try:
            listing = find_collection(self._tools.threatq, collection.name)
            rows = look_up(self._tools.threatq, listing, spellings)
        except ConfigError as error:
            return Explanation(collection.name, False, why=str(error))
        row = rows[0] if rows else None
        wanted = self._wanted(collection, row) if row else None
        places = tuple(
            self._places(collection, wanted[0] if wanted else "", wanted[1] if wanted else "", spellings)
        )
        last = self._last_run(collection.name)
        known = row or (anywhere[0] if anywhere else None)
        return Explanation(
            collection=collection.name,
            in_collection=row is not None,
            type=known.type_name if known else "",
            score=whole_score(known.score) if known else None,
            bucket=wanted[2] if wanted else "",
            places=places,
            last_run_ms=last.began_ms if last else None,
            last_run_status=last.status if last else "",
            why=self._why(row, anywhere, wanted is not None),
        )

    def _wanted(self, collection: ListFamily, row: Row) -> tuple[str, str, str] | None:
        """Return the list that a row belongs to, its entry there, and the bucket; None if no list takes it."""
        name = self._options.types.canonical(row.type_name)
        entry = self._options.types[name].normal(row.value) if name else None
        if name is None or entry is None or self._is_kept_out(row):
            return None
        score = whole_score(row.score)
        in_bucket = bucket(score, collection.split_by, self._options.bands)
        return list_name(collection.base_name, ListKey(name, in_bucket)), entry, in_bucket

    def _is_kept_out(self, row: Row) -> bool:
        return row.status_name.casefold() in {status.casefold() for status in self._options.keeps_out}

    def _places(
        self, collection: ListFamily, wanted: str, entry: str, spellings: list[str]
    ) -> Iterator[Place]:
        names = family(collection.base_name, collection.split_by, self._options.types)
        existing = self._tools.logrhythm.lists.named(names, common=collection.base_name)
        values = {entry, *spellings} - {""}
        for name, key in names.items():
            summary, caseless = existing.get(name), self._options.types[key.type].caseless
            ours = summary is not None and self._is_ours(summary, values, caseless=caseless)
            if name != wanted and not ours:
                continue
            in_list = self._is_in(summary, values) if summary else False
            why = self._doubt(name, summary, name == wanted, in_list)
            yield Place(name, summary is not None, name == wanted, in_list, ours, why)

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
        if row and self._is_kept_out(row):
            return f"its status {row.status_name} keeps it out of the lists (sync_statuses_kept_out)"
        return "" if is_wanted else f"no list takes a {row.type_name} of this form"

    def _last_run(self, name: str) -> RunResult | None:
        return next((run for run in history(self._redis, most=1_000) if run.collection == name), None)
