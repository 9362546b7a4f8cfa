"""`tqctl erase`: forget whatever mentions a person or a value, with an account of it."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from producers.cli.console import note
from producers.cli.tables import Grid, Shown
from producers.enqueue import spool_of
from tqctl.shell import Shell
from workers.core.errors import InputError
from workers.core.jobs import QUEUES
from workers.ledger import keys
from workers.ledger.erasure import Erasure, Mentions, mentions, plain

#: Where a value may be that this command cannot reach.
NOT_REACHED = (
    "ThreatQ: events, indicators and attributes that were made of it",
    "LogRhythm: entries of its lists, until a sync takes them out, and its own records",
    "spools of other machines: run this there too",
    "payloads that still wait for the Redis bridge; keys by which senders name requests, which expire within a day",
    "plans of the list sync, for a week; copies of the audit trail; logs",
    "Redis' files on disk until they are rewritten (BGREWRITEAOF), replicas' too, and backups",
)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = "A job that a worker has in hand is forgotten too; what it just sends to ThreatQ is made."
    add = parser.add_argument
    add(
        "value",
        metavar="VALUE",
        help="a name, an address, …; case and defanging do not matter, whole words do",
    )
    add("--dry-run", action="store_true", help="say what would be forgotten, and forget nothing")
    add("--yes", action="store_true", help="do not ask")
    parser.set_defaults(run=run)


def run(shell: Shell, options: Namespace) -> int:
    """Find what mentions the value and forget it, after asking."""
    value = plain(options.value)
    erasure = Erasure(shell.admin.redis, value)
    mentioned, files = erasure.find(), list(_spooled(Path(spool_of(shell.loaded).folder), value))
    account = _account(mentioned, files) | {"dry_run": options.dry_run}
    is_any = any(account[name] for name in COUNTED)
    if is_any and not options.dry_run:
        if not options.yes and not _agreed(account):
            raise InputError("nothing was forgotten; say --yes to go on, or --dry-run to see what would be")
        erasure.erase(mentioned, shell.ledger.retention, shell.audit)
        for file in files:
            file.unlink(missing_ok=True)
    shell.show(account, _words)
    return 0


#: What is counted in the account, and how it is called.
COUNTED = {
    "open": "open jobs",
    "done": "done jobs (a marker without content stays of each)",
    "dead": "dead letters",
    "refused": "refused jobs",
    "quarantined": "items of the quarantine",
    "samples": "pending deletes that show it as a sample",
    "groups": "groups of firings that name it (their count stays)",
    "audit": "entries of the audit trail",
    "spool": "files of the spool of this machine",
}


def _account(mentioned: Mentions, files: list[Path]) -> dict[str, Any]:
    return {
        "open": mentioned.count(*map(keys.due, QUEUES)),
        "done": mentioned.count(keys.DONE),
        "dead": mentioned.count(keys.DEAD),
        "refused": mentioned.count(keys.REFUSED_JOBS),
        "quarantined": len(mentioned.quarantined),
        "samples": len(mentioned.samples),
        "groups": len(mentioned.groups),
        "audit": len(mentioned.audit),
        "spool": len(files),
        "dictionaries": mentioned.dictionaries,
        "scanned": mentioned.scanned,
        "jobs": [job_id for ids in mentioned.jobs.values() for job_id in ids],
        "not_reached": list(NOT_REACHED),
    }


def _spooled(folder: Path, value: str) -> Iterator[Path]:
    """Yield the files of the spool that mention the value, what was set aside too."""
    for file in sorted(folder.rglob("*")):
        try:
            if file.is_file() and mentions(file.read_text(errors="replace"), value):
                yield file
        except OSError as error:
            note(f"warning: {file} cannot be read: {error.strerror}")


def _words(account: dict[str, Any]) -> Iterator[Shown]:
    rows = [[name, str(account[key])] for key, name in COUNTED.items()]
    verb = "would be forgotten" if account["dry_run"] else "was forgotten"
    yield Grid(f"What {verb}", ("what", "count"), rows)
    yield f"{account['scanned']} jobs were looked at; what came meanwhile was not."
    if account["dictionaries"]:
        yield (
            f"{account['dictionaries']} of the texts against which done jobs are packed have it too; they go with the "
            "last of these jobs, within keep_bodies_days and a day."
        )
    yield "Not reached:"
    yield from (f"  {place}" for place in account["not_reached"])


def _agreed(account: dict[str, Any]) -> bool:
    if not sys.stdin.isatty():
        return False
    counts = ", ".join(f"{account[key]} {name}" for key, name in COUNTED.items() if account[key])
    note(f"{counts} will be forgotten for good. Type yes to go on:")
    try:
        return input().strip() == "yes"
    except EOFError:
        return False
