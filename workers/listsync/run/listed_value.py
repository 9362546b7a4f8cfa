"""Jobs about one value that an analyst's action has changed: what they are started with, and what they read first."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from workers.core.jobs import Job
from workers.core.results import SyncSkipped
from workers.core.retry import RetryPolicy
from workers.ledger import sync_keys
from workers.ledger.ledger import Ledger
from workers.ledger.records import Claim
from workers.listsync.plan.mapping import ListFamily
from workers.listsync.plan.naming import ListKey, bucket, list_name
from workers.listsync.plan.settings import collections_of, require_sync
from workers.listsync.run.context import SyncContext
from workers.listsync.run.run import Options, Tools
from workers.settings.model import Settings
from workers.threatq.collections import find_collection, look_up
from workers.threatq.rows import Row, whole_score

#: How long ThreatQ is given to put an indicator into its data collections, or out of them: its index is a little late.
PATIENCE = RetryPolicy(first_s=1.0, most_s=15.0)

#: Looks after which the value is left to the next run.
MOST_LOOKS = 6


class ListedValue(Struct, frozen=True):
    """A value as it was given, its normal form as an entry, and all that decides about its lists."""

    settings: Settings
    options: Options
    tools: Tools
    type: str
    value: str
    entry: str

    @property
    def spellings(self) -> list[str]:
        """What it may stand under in a list or in ThreatQ."""
        return sorted({self.value, self.entry})

    @property
    def caseless(self) -> bool:
        """Whether an entry in capitals is the same entry."""
        return self.options.types[self.type].caseless


def start(
    ledger: Ledger, kind: str, action: Claim, type_name: str, value: str, *, title: str, **more: str
) -> str:
    """Start a job of `kind` after an action, if the sync has ever written a list; return its id, "" for none."""
    if not ledger.redis.exists(sync_keys.HISTORY):
        return ""
    job = Job(
        kind,
        {"type": type_name, "value": value, **more},
        producer=action.producer,
        sender=action.sender,
        title=title,
        trace=action.trace,
    )
    (accepted,) = ledger.accept([job])
    return accepted.id


def read_value(claim: Claim, context: SyncContext) -> ListedValue | SyncSkipped:
    """Return what a job is about, or why there is nothing to do; raises ConfigError for what a sync lacks."""
    settings = context.sync_settings()
    if settings is None:
        return SyncSkipped(reason=f"{context.settings.logrhythm_connector_name} is not enabled in ThreatQ")
    require_sync(settings)
    arguments, options = claim.known_arguments(), Options.of(settings, context.collected_assets())
    value, type_name = str(arguments["value"]), options.types.canonical(str(arguments["type"]))
    entry = options.types[type_name].normal(value) if type_name else None
    if type_name is None or entry is None:
        return SyncSkipped(reason=f"no list takes {value} as {arguments['type']}")
    return ListedValue(settings, options, Tools.of(context, settings), type_name, value, entry)


def wanted_lists(listed: ListedValue) -> Iterator[tuple[str, tuple[ListFamily, ListKey]]]:
    """Yield the lists that the value belongs into, as the data collections are now."""
    threatq, bands = listed.tools.threatq, listed.options.bands
    for family in collections_of(listed.settings):
        for collection in family.collections:
            for row in look_up(threatq, find_collection(threatq, collection.name), listed.spellings):
                if _is_meant(listed, row):
                    key = ListKey(listed.type, bucket(whole_score(row.score), collection.split_by, bands))
                    yield list_name(family.base_name, key), (family, key)


def _is_meant(listed: ListedValue, row: Row) -> bool:
    return listed.options.types.canonical(row.type_name) == listed.type and not listed.options.kept_out(row)
