"""`tqctl setup`: the first run, as `tq-conn-events-builder` without a payload does it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from producers.events_builder import set_up
from workers.ctl.shell import Shell


def add_arguments(parser: ArgumentParser) -> None:
    """Declare no arguments."""
    parser.epilog = "What is set already is not asked for; then tqctl check tells whether all of it works."


def run(shell: Shell, _options: Namespace) -> int:
    """Ask, check, register, write."""
    set_up(shell.loaded)
    return 0
