"""`tqctl dead`: dead letters, and what no producer could read, are shown, mended, replayed or dropped."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from itertools import islice

from producers.cli.console import note
from tqctl import edit
from tqctl.job_text import grid, summaries
from tqctl.jobs import known, show_job
from tqctl.quarantine import QuarantineAdmin
from tqctl.quarantine import grid as quarantine_grid
from tqctl.shell import Shell, above_zero, options_of_all, point
from workers.core.errors import InputError
from workers.core.jobs import KINDS
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import now_ms
from workers.ledger.dead_retention import DeadRetention
from workers.ledger.records import Record

#: Quarantined items that --quarantined takes in one go.
MOST_QUARANTINED = 1_000

#: Jobs that are replayed or dropped in one step.
STEP = 200


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    listing = actions.add_parser("list", help="the newest first", parents=[options_of_all()])
    listing.add_argument("--limit", type=above_zero, default=50, metavar="N", help="default: 50")
    listing.add_argument("--page", type=above_zero, default=1, metavar="N", help="the Nth --limit of them")
    add_filter(listing)
    listing.set_defaults(run=list_dead)

    showing = actions.add_parser(
        "show", help="one with its payload and traceback", parents=[options_of_all()]
    )
    showing.add_argument("id")
    showing.set_defaults(run=show)

    editing = actions.add_parser("edit", help="correct one and replay it", parents=[options_of_all()])
    edit.add_arguments(editing)
    editing.set_defaults(run=edit.run)

    replaying = actions.add_parser("replay", help="try again what is named", parents=[options_of_all()])
    replaying.add_argument(
        "--mapping", metavar="NAME",
        help="read quarantined items by this mapping, not by the one that their sender named ('': by their form)",
    )  # fmt: skip
    replaying.set_defaults(run=replay)
    dropping = actions.add_parser("drop", help="forget for good what is named", parents=[options_of_all()])
    dropping.add_argument("--yes", action="store_true", help="do not ask")
    dropping.set_defaults(run=drop)
    for action in (replaying, dropping):
        action.add_argument("ids", nargs="*", metavar="ID")
        add_filter(action)
        action.add_argument("--all", action="store_true", help="every dead letter")
        action.add_argument("--quarantined", action="store_true", help="everything in the quarantine")


def list_dead(shell: Shell, options: Namespace) -> int:
    """List the dead letters that the filter lets through."""
    jobs = summaries(_page(shell.admin, options))
    total = shell.admin.dead_count()
    soon = DeadRetention(shell.admin.redis, shell.settings).warning(now_ms(shell.admin.redis))
    items = QuarantineAdmin(shell).listed(options.limit)
    shell.show(
        {"jobs": jobs, "total": total, "quarantined": items},
        lambda _: [
            grid("", jobs, "no such dead letter" if total else "no dead letter"),
            f"{total} dead in all",
            *filter(None, [soon]),
            *([quarantine_grid(items)] if items else []),
        ],
    )
    return 0


def _page(admin: LedgerAdmin, options: Namespace) -> Iterator[Record]:
    """Return the page that is asked for; without a filter Redis itself leaves out the pages before it."""
    skip = (options.page - 1) * options.limit
    if _is_filtered(options):
        return islice(chosen(admin, options), skip, skip + options.limit)
    return admin.records(admin.ids("dead", most=options.limit, skip=skip))


def _is_filtered(options: Namespace) -> bool:
    filters = (options.kind, options.producer, options.reason, options.since, options.until)
    return any(filters)


def show(shell: Shell, options: Namespace) -> int:
    """Show a dead letter, or a quarantined item."""
    quarantine = QuarantineAdmin(shell)
    item = quarantine.item(options.id)
    return show_job(shell, options) if item is None else quarantine.show(item)


def replay(shell: Shell, options: Namespace) -> int:
    """Open dead letters again, whose history stays; read quarantined items again."""
    ids, items = _named(shell, options)
    if options.mapping is not None and not items:
        raise InputError(
            "goes with items of the quarantine; tqctl mapping replay NAME does jobs again", field="--mapping"
        )
    quarantine = QuarantineAdmin(shell)
    released = [
        job_id for item_id in items for job_id in quarantine.release(item_id, mapping=options.mapping)
    ]
    note_ = edit.note_of(shell, "replayed")
    opened = [job_id for step in _steps(ids) for job_id in shell.admin.replay(step, note=note_)]
    for queue in {record.queue for record in shell.admin.records(opened[:STEP])}:
        shell.ledger.wake(queue)
    value = {"replayed": opened, "released": released}
    shell.show(value, lambda _: [f"{len(opened)} replayed, {len(released)} jobs out of the quarantine"])
    return 0 if len(opened) == len(ids) else 1


def drop(shell: Shell, options: Namespace) -> int:
    """Forget dead letters and quarantined items for good, after asking."""
    ids, items = _named(shell, options)
    if (ids or items) and not options.yes and not _agreed(len(ids) + len(items)):
        raise InputError("nothing was dropped; say --yes to drop for good")
    count = sum(shell.admin.drop(step) for step in _steps(ids)) + QuarantineAdmin(shell).drop(items)
    shell.show({"dropped": count}, lambda value: [f"{value['dropped']} dropped"])
    return 0


def _named(shell: Shell, options: Namespace) -> tuple[list[str], list[str]]:
    """Return the dead letters and the quarantined items that are meant; naming nothing is an error."""
    quarantine = QuarantineAdmin(shell)
    if options.ids:
        items = [job_id for job_id in options.ids if quarantine.item(job_id)]
        return [known(shell, job_id).id for job_id in options.ids if job_id not in items], items
    items = quarantine.ids(MOST_QUARANTINED, options.producer) if options.quarantined else []
    filtered = _is_filtered(options)
    if not (options.all or filtered or options.quarantined):
        raise InputError(
            "name jobs by id, by --kind, --producer, --reason, --since, --until, or say --all or --quarantined"
        )
    jobs = chosen(shell.admin, options) if options.all or filtered else ()
    return [record.id for record in jobs], items


def _steps(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), STEP):
        yield ids[start : start + STEP]


def _agreed(count: int) -> bool:
    if not sys.stdin.isatty():
        return False
    note(f"{count} dead letters will be forgotten for good, their payloads included. Type yes to go on:")
    try:
        return input().strip() == "yes"
    except EOFError:
        return False


def add_filter(parser: ArgumentParser) -> None:
    """Declare the options of a filter."""
    add = parser.add_argument
    add("--kind", choices=tuple(KINDS), help="only this kind of job")
    add("--producer", "--entry", "--door", help="only what came through this producer (cli, http, stub, …)")
    add("--reason", metavar="TEXT", help="only those whose reason says this, whatever the case")
    add("--since", type=point, metavar="WHEN", help="dead since then: 30m, 2h, 7d, or 2026-03-01T12:00 (UTC)")
    add("--until", type=point, metavar="WHEN", help="dead until then")


def chosen(admin: LedgerAdmin, options: Namespace) -> Iterator[Record]:
    """Yield the dead letters that the options let through, the newest first."""
    for record in admin.dead_records(since_ms=options.since, until_ms=options.until):
        if _fits(record, options):
            yield record


def _fits(record: Record, options: Namespace) -> bool:
    return (
        options.kind in (None, record.kind)
        and options.producer in (None, record.producer)
        and (not options.reason or options.reason.casefold() in record.reason.casefold())
    )
