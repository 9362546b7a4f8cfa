"""Lists that no data collection feeds any more: after a change of the mapping they keep their entries, and alarm on."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from workers.core.sync_report import AbandonedList
from workers.ledger.acts import Auditor
from workers.listsync.plan.guard import Listing
from workers.listsync.plan.mapping import ListFamily
from workers.listsync.plan.naming import ListKey, same_name
from workers.listsync.plan.plan import ListTarget, plan_emptying
from workers.listsync.plan.spill import Spill
from workers.listsync.plan.types import DEFAULTS, TypeTable
from workers.listsync.run.run import Tools
from workers.logrhythm.model import ListSummary


def find_abandoned(tools: Tools, collections: Collection[ListFamily], types: TypeTable) -> list[ListSummary]:
    """Return the lists that we wrote into and that LogRhythm uses, but none of `collections` feeds.

    LogRhythm is asked only where there may be some.
    """
    fed = {same_name(name) for collection in collections for name in collection.lists(types)}
    left = {guid for guid, written in tools.manifests.written().items() if same_name(written.name) not in fed}
    every = tools.logrhythm.lists.every() if left else ()
    return sorted(
        (item for item in every if item.guid in left and not item.is_retired), key=lambda item: item.name
    )


def as_abandoned(item: ListSummary) -> AbandonedList:
    """Return what a report says of it."""
    return AbandonedList(item.name, item.entry_count)


def empty_and_retire(tools: Tools, target: ListSummary, folder: Path, audit: Auditor) -> ListSummary:
    """Take our entries out of a list and retire it; return it as it is then: with the entries of others."""
    present = read_whole(tools, target, folder / "present", caseless=is_caseless(tools, target))
    as_it_is = ListTarget(
        target.name, ListKey("", ""), present, Listing(present.count, present.count), exists=True
    )
    plan = plan_emptying(as_it_is, manifest=tools.manifests.of(target.guid), folder=folder)
    with tools.logrhythm.entries.writing() as writer:
        for values in plan.deletes.read():
            writer.remove(target, values)
    return tools.retire(target, audit)


def read_whole(tools: Tools, target: ListSummary, folder: Path, *, caseless: bool) -> Spill:
    """Bring all entries of a list to disk, however many there are."""
    present = Spill(folder, caseless=caseless)
    for values in tools.logrhythm.entries.read_blocks(target, at_most=target.entry_count):
        present.extend(values)
    present.close()
    return present


def is_caseless(tools: Tools, target: ListSummary) -> bool:
    """Tell whether capitals do not count in a list; of one that an older version wrote, its name says the type."""
    written = tools.manifests.written().get(target.guid)
    by_name = any(rule.caseless and name in target.name for name, rule in DEFAULTS.items())
    return by_name or (written is not None and written.caseless)
