"""A whitelisted value leaves the lists at once, by a small job of its own; the next full run agrees."""

from __future__ import annotations

from collections.abc import Iterator

from workers.core.jobs import Job
from workers.core.results import SyncSkipped, ValueRemoved
from workers.ledger import keys
from workers.ledger.ledger import Ledger
from workers.ledger.records import Claim, Settlement, done
from workers.listsync.plan.settings import collections_of, require_sync
from workers.listsync.run.context import SyncContext
from workers.listsync.run.run import Options, Tools
from workers.logrhythm.model import ListSummary
from workers.settings.model import Settings
from workers.threatq.client import Caller
from workers.threatq.search import find_exact


def remove_soon(ledger: Ledger, whitelisting: Claim, type_name: str, value: str) -> str:
    """Have a value leave our lists, if the sync has ever written one; return the job's id, "" for none."""
    if not ledger.redis.exists(keys.SYNC_HISTORY):
        return ""
    job = Job(
        "lists.remove",
        {"type": type_name, "value": value},
        producer=whitelisting.producer,
        sender=whitelisting.sender,
        title=f"{value} leaves the lists",
        trace=whitelisting.trace,
    )
    (accepted,) = ledger.accept([job])
    return accepted.id


def remove(claim: Claim, context: SyncContext) -> Settlement:
    """Take a value that its status keeps out of the lists out of those that we put it into.

    Its digest stays in the manifest, which only the run of the collection changes. Raises ServiceAway and ConfigError.
    """
    own = context.sync_settings()
    if own is None:
        return done(
            claim,
            SyncSkipped(reason=f"{context.settings.logrhythm_connector_name} is not enabled in ThreatQ"),
        )
    require_sync(own)
    arguments, options, tools = claim.known_arguments(), Options.of(own), Tools.of(context, own)
    value, type_name = str(arguments["value"]), options.types.canonical(str(arguments["type"]))
    entry = options.types[type_name].normal(value) if type_name else None
    if type_name is None or entry is None:
        return done(claim, SyncSkipped(reason=f"no list takes {value} as {arguments['type']}"))
    status = _status(tools.threatq, context.threatq.lookups.indicator_type(type_name), value)
    if status.casefold() not in {name.casefold() for name in options.keeps_out}:
        return done(
            claim,
            SyncSkipped(reason=f"its status in ThreatQ is {status or 'not known'}: it stays in the lists"),
        )
    removed = [target.name for target in _holding(own, options, tools, type_name, {value, entry})]
    return done(claim, ValueRemoved(value=value, lists=tuple(removed)))


def _status(caller: Caller, type_id: int | None, value: str) -> str:
    """Return the name of the value's status; asked for directly, as the library's index may lag behind."""
    if type_id is None:
        return ""
    row = next(find_exact(caller, "indicators", "value", value, {"type_id": type_id, "with": "status"}), {})
    status = row.get("status")
    return str(status.get("name", "")) if isinstance(status, dict) else ""


def _holding(
    settings: Settings, options: Options, tools: Tools, type_name: str, spellings: set[str]
) -> Iterator[ListSummary]:
    """Take the value out of each list of its type in which it is ours, and yield that list."""
    caseless = options.types[type_name].caseless
    for collection in collections_of(settings):
        names = collection.lists([type_name])
        for target in tools.logrhythm.lists.named(names, common=collection.base_name).values():
            ours = [
                spelling
                for spelling in sorted(spellings)
                if tools.manifests.has(target.guid, spelling, caseless=caseless)
            ]
            if ours:
                with tools.logrhythm.entries.writing() as writer:
                    writer.remove(target, ours)
                yield target
