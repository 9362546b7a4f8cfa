"""`tqctl`: one command for the operator; finds the subcommand in a table, reads its options and runs it."""

from __future__ import annotations

import logging
import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Collection, Sequence
from functools import partial
from importlib import import_module
from importlib.metadata import version

import argcomplete
from msgspec import Struct

from producers.console import guarded
from workers import logs
from workers.ctl.shell import Shell, options_of_all


class Subcommand(Struct, frozen=True):
    """What it is for, and the module that does it.

    The module has `add_arguments(parser)` and `run(shell, options)`, which returns the exit code; one with
    actions of its own sets `run` for each of them. It is imported when it is named, so that no subcommand pays
    for another one's libraries.
    """

    summary: str
    module: str


#: Every subcommand; a new one is a line here and a module.
SUBCOMMANDS = {
    name: Subcommand(summary, module)
    for name, summary, module in (
        ("check", "is everything there and set up right? each line with its remedy", "workers.ctl.check"),
        ("status", "queues, workers, dead letters, services: what is going on now", "workers.ctl.status"),
        ("config", "the effective settings, and where each came from", "workers.ctl.config"),
        ("jobs", "list and find jobs, show one with all its attempts", "workers.ctl.jobs"),
        ("dead", "the dead letters: list, show, edit, replay, drop", "workers.ctl.dead"),
        ("pause", "stop work on a queue until it is resumed", "workers.ctl.pause"),
        ("resume", "go on with a paused queue", "workers.ctl.resume"),
        ("sync", "the list sync: plan, held deletes, approve, history", "workers.ctl.sync"),
        ("explain", "where a value is and should be, and why it is not there", "workers.ctl.explain"),
        ("lists", "our lists in LogRhythm: show, retire", "workers.ctl.lists"),
        ("capacity", "where the limits are, and how far it is to them", "workers.ctl.capacity"),
        ("setup", "ask what is not configured yet, check it, register the connector", "workers.ctl.setup"),
        ("up", "run the whole system on this machine, until Ctrl-C", "workers.ctl.up"),
        ("demo", "the guide's payload through the whole system", "workers.ctl.demo"),
        ("flower", "watch Celery in a browser, behind a password", "workers.ctl.flower"),
        (
            "support-bundle",
            "one archive with all that support asks for, secrets masked",
            "workers.ctl.bundle",
        ),
        (
            "srp-bundle",
            "write the SmartResponse plugin for LogRhythm",
            "producers.smart_response.bundle.command",
        ),
        ("completion", "print the completion script for a shell", "workers.ctl.completion"),
    )
}

_EPILOG = """\
Every command takes -c and --json. Exit codes: 0 done, 1 it failed, 2 wrong input or configuration, 3 a service is away.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return guarded(partial(_run, sys.argv[1:] if arguments is None else arguments))


def parser_of(named: Collection[str] = tuple(SUBCOMMANDS)) -> ArgumentParser:
    """Return the parser; only the subcommands in `named` know their arguments."""
    parser = ArgumentParser(
        prog="tqctl",
        description="Looks after the workers between detections, ThreatQ and LogRhythm.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
        parents=[options_of_all(top=True)],
    )
    parser.add_argument("--version", action="version", version=version("tq-workers"))
    commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")
    for name, one in SUBCOMMANDS.items():
        command = commands.add_parser(
            name,
            help=one.summary,
            description=f"{one.summary[0].upper()}{one.summary[1:]}.",
            parents=[options_of_all()],
            formatter_class=RawDescriptionHelpFormatter,
        )
        if name in named:
            module = import_module(one.module)
            command.set_defaults(run=getattr(module, "run", None))
            module.add_arguments(command)
    return parser


def _run(arguments: Sequence[str]) -> int:
    completing = "_ARGCOMPLETE" in os.environ
    parser = parser_of() if completing else parser_of(arguments)
    argcomplete.autocomplete(parser)
    options = parser.parse_args(arguments)
    logs.set_up(logging.WARNING)
    code: int = options.run(Shell(options.config, as_json=options.json), options)
    return code


if __name__ == "__main__":
    sys.exit(main())
