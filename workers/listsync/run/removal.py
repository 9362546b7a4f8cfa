"""A value that an analyst whitelists, or marks as a false positive, leaves the lists at once, and stays out."""

from __future__ import annotations

from collections.abc import Iterator

from workers.core.results import SyncSkipped, ValueRemoved
from workers.ledger.ledger import Ledger
from workers.ledger.records import Claim, Settlement, done, waiting
from workers.listsync.plan.settings import collections_of
from workers.listsync.run.context import SyncContext
from workers.listsync.run.listed_value import (
    MOST_LOOKS,
    PATIENCE,
    ListedValue,
    read_value,
    start,
    wanted_lists,
)
from workers.listsync.run.proven import ProvenState
from workers.logrhythm.model import ListSummary
from workers.threatq.client import Caller
from workers.threatq.search import find_exact


def remove_soon(ledger: Ledger, action: Claim, type_name: str, value: str, **verdict: str) -> str:
    """Have a value leave our lists, if the sync has ever written one; return the job's id, "" for none.

    With a `verdict` it leaves them once no data collection holds it any more, else as its status keeps it out.
    """
    return start(
        ledger, "lists.remove", action, type_name, value, title=f"{value} leaves the lists", **verdict
    )


def remove(claim: Claim, context: SyncContext) -> Settlement:
    """Take a value that no longer belongs into the lists out of those that we put it into.

    Its digest stays in the manifest, which only the run of the collection changes. Raises ServiceAway and ConfigError.
    """
    listed = read_value(claim, context)
    if isinstance(listed, SyncSkipped):
        return done(claim, listed)
    has_verdict = "verdict" in claim.known_arguments()
    if stays := _still_listed(listed) if has_verdict else _shown_by_status(listed, context):
        if has_verdict and claim.attempts < MOST_LOOKS:
            return waiting(claim, stays, PATIENCE.pause_s(claim.attempts))
        return done(claim, SyncSkipped(reason=f"{stays}: it stays in the lists"))
    removed = []
    for collection, target, left in _take_out(listed):
        removed.append(target.name)
        change = left.entry_count - target.entry_count
        ProvenState(context.redis, collection).changed_at_once(
            target.guid, change, listed.spellings, are_gone=True
        )
    return done(claim, ValueRemoved(value=listed.value, lists=tuple(removed)))


def _still_listed(listed: ListedValue) -> str:
    """Return why a value with a verdict stays; "" where no data collection holds it any more."""
    names = sorted({name for name, _ in wanted_lists(listed)})
    return f"a data collection still holds it for {', '.join(names)}" if names else ""


def _shown_by_status(listed: ListedValue, context: SyncContext) -> str:
    """Return why a value stays by its status; "" where that keeps it out."""
    status = _status(listed.tools.threatq, context.threatq.lookups.indicator_type(listed.type), listed.value)
    if status.casefold() in listed.options.keeps_out:
        return ""
    return f"its status in ThreatQ is {status or 'not known'}"


def _status(caller: Caller, type_id: int | None, value: str) -> str:
    """Return the name of the value's status; asked for directly, as the library's index may lag behind."""
    if type_id is None:
        return ""
    row = next(find_exact(caller, "indicators", "value", value, {"type_id": type_id, "with": "status"}), {})
    status = row.get("status")
    return str(status.get("name", "")) if isinstance(status, dict) else ""


def _take_out(listed: ListedValue) -> Iterator[tuple[str, ListSummary, ListSummary]]:
    """Take the value out of each list of its type in which it is ours, and yield the family and the list, twice."""
    tools = listed.tools
    for family in collections_of(listed.settings):
        lists = tools.logrhythm.lists.named(family.lists([listed.type]), common=family.base_name)
        for target in lists.values():
            ours = [
                spelling
                for spelling in listed.spellings
                if tools.manifests.has(target.guid, spelling, caseless=listed.caseless)
            ]
            if ours:
                with tools.logrhythm.entries.writing() as writer:
                    left = writer.remove(target, ours)
                yield family.name, target, left
