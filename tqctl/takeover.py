"""`tqctl sync takeover`: make the entries of another connector's lists ours, once, after they were shown."""

from __future__ import annotations

import secrets
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import to_builtins

from producers.cli.console import note
from producers.cli.tables import Grid, Shown
from tqctl.lists import sync_settings
from tqctl.shell import Shell
from workers.core.errors import InputError
from workers.ledger.acts import Auditor
from workers.ledger.client import RedisClient
from workers.ledger.locks import BY_HAND, hold_all, release_all
from workers.listsync.plan.mapping import ListFamily, family_of
from workers.listsync.plan.settings import collections_of
from workers.listsync.run.proven import ProvenState
from workers.listsync.run.run import Options, Tools
from workers.listsync.run.takeover import Takeover, look
from workers.runtime import Runtime
from workers.settings.model import Settings


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--collection", default="", help="only the lists of this data collection")
    parser.add_argument("--yes", action="store_true", help="do it; without this, only show what would be")
    parser.set_defaults(run=take_over)


def take_over(shell: Shell, options: Namespace) -> int:
    """Show what stands in the lists that the sync feeds and is not ours, and with --yes make it ours."""
    runtime = Runtime(shell.settings, shell.admin.redis)
    settings = sync_settings(runtime)
    collections = _wanted(settings, options.collection)
    lists = list(looked_at(runtime, settings, collections, shell.audit if options.yes else None))
    shell.show(to_builtins(lists), lambda _: _words(lists, settings, is_done=options.yes))
    if not options.yes and any(item.ours < item.entries for item in lists):
        note("nothing was changed; --yes makes all entries of these lists ours")
    return 0


def looked_at(
    runtime: Runtime, settings: Settings, collections: Iterable[ListFamily], audit: Auditor | None = None
) -> Iterator[Takeover]:
    """Yield what there is to take over in the lists of `collections`; with `audit`, it is ours then, and recorded.

    Raises InputError while a run of them is under way, ConfigError and ServiceAway.
    """
    tools, rules = Tools.of(runtime, settings), Options.of(settings)
    for collection in collections:
        with (
            _alone(runtime.redis, collection) as us,
            TemporaryDirectory(prefix="tq-takeover-") as folder,
        ):
            if audit:
                ProvenState(runtime.redis, collection.name).doubt("entries of others were taken over")
            for item in look(tools, rules, collection, Path(folder), take=audit is not None):
                hold_all(runtime.redis, collection.names, us)
                if audit:
                    audit.record("take over", item.list, entries=item.entries, goes=item.goes)
                yield item


def _wanted(settings: Settings, only: str) -> list[ListFamily]:
    collections = collections_of(settings)
    if not only:
        return list(collections)
    family = family_of(collections, only)
    if family is None:
        names = ", ".join(collection.name for collection in collections)
        raise InputError(f"{only!r} is not configured; there are {names}", field="--collection")
    return [family]


@contextmanager
def _alone(redis: RedisClient, collection: ListFamily) -> Iterator[str]:
    """Keep runs of these collections away meanwhile, as they change the same notes of what is ours."""
    us = f"{BY_HAND}{secrets.token_hex(8)}"
    holder = hold_all(redis, collection.names, us)
    if holder != us:
        raise InputError(
            f"a run of {collection.name!r} is under way (job {holder}); do this when it has ended",
            field="takeover",
        )
    try:
        yield us
    finally:
        release_all(redis, collection.names, us)


def _words(lists: list[Takeover], settings: Settings, *, is_done: bool) -> Iterator[Shown]:
    columns = ("List", "Entries", "Ours", "Stay", "Go", "For example")
    yield Grid("", columns, [_row(item) for item in lists], "LogRhythm has none of these lists yet")
    goes = sum(item.goes for item in lists)
    if not goes:
        yield "no entry of others would go: what stands in the lists is in the data collections"
    elif settings.sync_method == "full":
        when = "The next sync takes out" if is_done else "Once they are ours, the next sync takes out"
        yield f"{when} the {goes:,} entries that are in no data collection, under the delete guard (tqctl sync held)"
    else:
        yield f"{goes:,} entries are in no data collection; method add takes out nothing, set sync_method: full"


def _row(item: Takeover) -> list[Any]:
    counts = (item.entries, item.ours, item.stays, item.goes)
    return [item.list, *(f"{count:,}" for count in counts), ", ".join(item.samples[:3])]
