"""`tqctl jobs`: list jobs, find them by what people know of them, show one with all its attempts."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tqctl.job_text import grid, summaries, whole, words
from tqctl.shell import Shell, above_zero, options_of_all
from workers.core.errors import InputError
from workers.core.jobs import QUEUES
from workers.ledger.records import Record, State
from workers.ledger.search import MOST_SCANNED, search

#: What --state takes, and the state by which the admin lists it.
STATES: dict[str, State] = {"open": "accepted", "done": "done", "dead": "dead", "refused": "refused"}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    listing = actions.add_parser("list", help="the newest jobs of a state", parents=[options_of_all()])
    listing.add_argument("--state", choices=tuple(STATES), default="open", help="default: open")
    listing.add_argument("--queue", choices=QUEUES, help="only jobs of this queue")
    listing.add_argument("--limit", type=above_zero, default=20, metavar="N", help="default: 20")
    listing.set_defaults(run=list_jobs)

    finding = actions.add_parser(
        "find", help="by id, alarm id, event name or indicator value", parents=[options_of_all()]
    )
    finding.add_argument("text", help="part of what is looked for; case and defanging do not matter")
    finding.add_argument("--limit", type=above_zero, default=20, metavar="N", help="default: 20")
    finding.add_argument(
        "--scan",
        type=above_zero,
        default=MOST_SCANNED,
        metavar="N",
        help=f"jobs to look at, the newest first (default: {MOST_SCANNED})",
    )
    finding.set_defaults(run=find_jobs)

    showing = actions.add_parser("show", help="all that is known of a job", parents=[options_of_all()])
    showing.add_argument("id")
    showing.set_defaults(run=show_job)


def list_jobs(shell: Shell, options: Namespace) -> int:
    """List jobs of one state."""
    state = STATES[options.state]
    ids = shell.admin.ids(state, most=options.limit, queue=options.queue or "")
    records = [r for r in shell.admin.records(ids) if options.queue in (None, r.queue)]
    shell.show(summaries(records[: options.limit]), lambda jobs: [grid("", jobs, f"no {options.state} job")])
    return 0


def find_jobs(shell: Shell, options: Namespace) -> int:
    """Find jobs, and say how far was looked."""
    result = search(shell.admin.redis, options.text, most=options.limit, scan=options.scan)
    jobs = summaries(shell.admin.records(result.ids))
    looked = f"looked at {result.scanned} jobs" + (
        "; there are more (--scan, --limit)" if result.more else ", which are all"
    )
    value = {"jobs": jobs, "scanned": result.scanned, "more": result.more}
    shell.show(value, lambda _: [grid("", jobs, "no job says this"), looked])
    return 0 if jobs else 1


def show_job(shell: Shell, options: Namespace) -> int:
    """Show one job, or what is left of it."""
    marker = None if shell.admin.record(options.id) else shell.admin.marker(options.id)
    if marker:
        value = {
            "id": marker.id,
            "state": marker.state,
            "event_id": marker.event_id,
            "link": marker.link,
            "ended_on": marker.ended_on,
        }
        shell.show(value, lambda _: [f"{marker.id}: {marker.sentence}"])
        return 0
    record = known(shell, options.id)
    shell.show(whole(record, shell.admin.arguments(record.id)), words)
    return 0


def known(shell: Shell, job_id: str) -> Record:
    """Return a job's record; raises InputError when the ledger does not know it."""
    record = shell.admin.record(job_id)
    if record is None:
        raise InputError(
            "the ledger does not know this job, or no longer; tqctl jobs find looks for a part of the id",
            field=job_id,
        )
    return record
