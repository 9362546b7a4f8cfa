"""`tqctl`: one command for the operator; finds the subcommand in a table, reads its options and runs it.

With argparse: cyclopts takes 0.18 s of processor time more to start, a third of what `tqctl` takes, saves no line in
`tqctl dead`, and says what is wrong in other words.
"""

from __future__ import annotations

import logging
import os
import sys
from argparse import Action, ArgumentError, ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from importlib.metadata import version
from typing import Any

import argcomplete
from msgspec import Struct

from producers.cli.console import guarded
from tqctl.shell import Shell, options_of_all
from workers.telemetry import logs

_EPILOG = """\
Every command takes -c and --json. Exit codes: 0 done, 1 it failed, 2 wrong input or configuration, 3 a service is away.
"""


class Subcommand(Struct, frozen=True):
    """What it is for, and `module:function`, which declares its arguments on a parser.

    The function sets the parser's default `run`, or that of each action: `run(shell, options)` returns the exit code.
    The module is imported when the subcommand is named, so that none pays for another one's libraries.
    """

    summary: str
    declared_by: str

    def declare(self, parser: ArgumentParser) -> None:
        """Declare its arguments on `parser`."""
        module, _, function = self.declared_by.partition(":")
        getattr(import_module(module), function)(parser)


#: Every subcommand; a new one is a line here and a function.
SUBCOMMANDS = {
    name: Subcommand(summary, declared_by)
    for name, summary, declared_by in (
        (
            "check",
            "is everything there and set up right? each line with its remedy",
            "tqctl.check:add_arguments",
        ),
        (
            "status",
            "queues, workers, dead letters, services: what is going on now",
            "tqctl.status:add_arguments",
        ),
        ("top", "queues and workers on a terminal, kept up to date, until q", "tqctl.top:add_arguments"),
        ("watch", "follow a job until it ends; the exit code is its outcome", "tqctl.watch:add_arguments"),
        ("config", "the effective settings, and where each came from", "tqctl.config:add_arguments"),
        ("jobs", "list and find jobs, show one with all its attempts", "tqctl.jobs:add_arguments"),
        ("dead", "the dead letters: list, show, edit, replay, drop", "tqctl.dead:add_arguments"),
        ("pause", "stop work on a queue until it is resumed", "tqctl.queues:pause_arguments"),
        ("resume", "go on with a paused queue", "tqctl.queues:resume_arguments"),
        (
            "breaker",
            "services that no worker calls now, queues that wait, and why; close one",
            "tqctl.breaker:add_arguments",
        ),
        (
            "groups",
            "firings that share an event, and those above a source's limit",
            "tqctl.groups:add_arguments",
        ),
        ("sync", "the list sync: plan, pending deletes, approve, history", "tqctl.sync:add_arguments"),
        ("explain", "where a value is and should be, and why it is not there", "tqctl.explain:add_arguments"),
        (
            "mapping",
            "how documents of any form become events: list, try, explain, draft, replay",
            "tqctl.mapping:add_arguments",
        ),
        ("lists", "our lists in LogRhythm: show, retire", "tqctl.lists:add_arguments"),
        ("audit", "who did what, through what and from where", "tqctl.audit:add_arguments"),
        (
            "erase",
            "forget whatever mentions a person or a value, with an account of it",
            "tqctl.erase:add_arguments",
        ),
        (
            "purge",
            "forget at once what is done and older than it is kept, or than you say",
            "tqctl.purge:add_arguments",
        ),
        (
            "backup",
            "all that the ledger holds, and the settings, in one file, while everything goes on",
            "tqctl.backup:backup_arguments",
        ),
        (
            "restore",
            "put a backup back into an empty Redis, or add it to what is there",
            "tqctl.backup:restore_arguments",
        ),
        ("capacity", "where the limits are, and how far it is to them", "tqctl.capacity:add_arguments"),
        (
            "setup",
            "ask what is not configured yet, check it, register the connector",
            "tqctl.system:setup_arguments",
        ),
        (
            "migrate",
            "take over from ThreatQuotient's connectors: a checklist, and --yes",
            "tqctl.migrate:add_arguments",
        ),
        ("up", "run the whole system on this machine, until Ctrl-C", "tqctl.system:up_arguments"),
        ("demo", "the guide's payload through the whole system", "tqctl.system:demo_arguments"),
        ("flower", "watch Celery in a browser, behind a password", "tqctl.system:flower_arguments"),
        (
            "support-bundle",
            "one archive with all that support asks for, secrets masked",
            "tqctl.bundle:add_arguments",
        ),
        (
            "srp-bundle",
            "write the SmartResponse plugin for LogRhythm",
            "producers.smart_response.bundle:add_arguments",
        ),
        (
            "spool",
            "what producers kept on this machine while Redis was away; deliver it",
            "tqctl.spool:add_arguments",
        ),
        (
            "notices",
            "what operators are told of by webhook and e-mail; send a trial notice",
            "tqctl.notices:add_arguments",
        ),
        ("completion", "print the completion script for a shell", "tqctl.system:completion_arguments"),
    )
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return guarded(partial(_run, sys.argv[1:] if arguments is None else arguments))


class _GuessingParser(ArgumentParser):
    """Says of a misspelt command, or choice, which one was meant; argparse itself does from Python 3.14 on."""

    def _check_value(self, action: Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except ArgumentError as error:
            near = get_close_matches(str(value), map(str, action.choices or ()), n=1)
            if near:
                raise ArgumentError(action, f"{value!r} is not known; did you mean {near[0]!r}?") from error
            raise


def parser_of(named: Collection[str] = tuple(SUBCOMMANDS)) -> ArgumentParser:
    """Return the parser; only the subcommands in `named` know their arguments."""
    parser: ArgumentParser = _GuessingParser(
        prog="tqctl",
        description="Looks after the workers between detections, ThreatQ and LogRhythm.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
        parents=[options_of_all(top=True)],
    )
    parser.add_argument("--version", action="version", version=version("tq-workers"))
    commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")
    for name, subcommand in SUBCOMMANDS.items():
        command = commands.add_parser(
            name,
            help=subcommand.summary,
            description=f"{subcommand.summary[0].upper()}{subcommand.summary[1:]}.",
            parents=[options_of_all()],
            formatter_class=RawDescriptionHelpFormatter,
        )
        if name in named:
            subcommand.declare(command)
    return parser


def _run(arguments: Sequence[str]) -> int:
    completing = "_ARGCOMPLETE" in os.environ
    parser = parser_of() if completing else parser_of(arguments)
    argcomplete.autocomplete(parser)
    options = parser.parse_args(arguments)
    logs.set_up(logging.WARNING)
    # The commands tell themselves of a mapping that cannot be used.
    logging.getLogger("tq.mappings").setLevel(logging.ERROR)
    code: int = options.run(Shell(options.config, as_json=options.json), options)
    return code


if __name__ == "__main__":
    sys.exit(main())
