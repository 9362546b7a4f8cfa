"""A value that an analyst adds goes into the lists at once, if a data collection holds it; the next run agrees."""

from __future__ import annotations

from workers.core.errors import Rejected
from workers.core.results import SyncSkipped, ValueAdded
from workers.ledger.client import RedisClient
from workers.ledger.connection import now_ms
from workers.ledger.ledger import Ledger
from workers.ledger.records import Claim, Settlement, done, waiting
from workers.listsync.plan.mapping import ListFamily
from workers.listsync.plan.naming import ListKey
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
from workers.logrhythm.model import ListKind, ListSummary


def add_soon(ledger: Ledger, adding: Claim, type_name: str, value: str) -> str:
    """Have a value go into our lists, if the sync has ever written one; return the job's id, "" for none."""
    return start(ledger, "lists.add", adding, type_name, value, title=f"{value} goes into the lists")


def add(claim: Claim, context: SyncContext) -> Settlement:
    """Put a value into the lists of the data collections that hold it; look again, some times, while none does.

    Raises ServiceAway and ConfigError.
    """
    listed = read_value(claim, context)
    if isinstance(listed, SyncSkipped):
        return done(claim, listed)
    wanted = dict(wanted_lists(listed))
    if not wanted:
        return _look_again(claim)
    try:
        lists = tuple(name for name, key in wanted.items() if _put(listed, name, key, context.redis))
    except Rejected as error:
        return done(claim, SyncSkipped(reason=f"{error}; the next sync looks at it again"))
    return done(claim, ValueAdded(value=listed.value, lists=lists))


def _look_again(claim: Claim) -> Settlement:
    if claim.attempts < MOST_LOOKS:
        return waiting(claim, "no data collection holds it yet", PATIENCE.pause_s(claim.attempts))
    reason = f"no data collection held it in {MOST_LOOKS} looks; the next sync adds it if one does by then"
    return done(claim, SyncSkipped(reason=reason))


def _put(listed: ListedValue, name: str, wanted: tuple[ListFamily, ListKey], redis: RedisClient) -> bool:
    """Put the value into one list; tell whether it is there by us. What was there before stays of others."""
    tools, caseless = listed.tools, listed.caseless
    target = _ready(listed, name, wanted[0])
    if target is None:
        return False
    is_new = not tools.manifests.has(target.guid, listed.entry, caseless=caseless)
    if is_new:
        tools.manifests.note_value(target.guid, listed.entry, caseless=caseless, now_ms=now_ms(redis))
    try:
        with tools.logrhythm.entries.writing() as writer:
            written = writer.add(target, [listed.entry])
    except Rejected:
        if is_new:
            tools.manifests.forget_value(target.guid, listed.entry)
        raise
    change = written.entry_count - target.entry_count
    ProvenState(redis, wanted[0].name).changed_at_once(target.guid, change, [listed.entry], are_gone=False)
    if is_new and not change:
        tools.manifests.forget_value(target.guid, listed.entry)
        return False
    return True


def _ready(listed: ListedValue, name: str, family: ListFamily) -> ListSummary | None:
    """Return the list to write to, made if need be; None for one that only a run may change.

    That is a list that we never wrote to, that is retired, of another type, or full: a run decides what it becomes.
    """
    tools, rule = listed.tools, listed.options.types[listed.type]
    target = tools.logrhythm.lists.named([name], common=family.base_name).get(name)
    if target is None:
        target = tools.logrhythm.ensure_list(name, ListKind(rule.list_type, rule.use_context))
        tools.manifests.added(target.guid, name, {}, caseless=rule.caseless)
    is_usable = (
        tools.manifests.exists(target.guid)
        and not target.is_retired
        and target.list_type == rule.list_type
        and target.entry_count < listed.options.rules.capacity
    )
    return target if is_usable else None
