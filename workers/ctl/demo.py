"""`tqctl demo`: the guide's payload through the whole system, and what ThreatQ holds then."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from sandbox import demo
from workers.ctl.shell import Shell


def add_arguments(parser: ArgumentParser) -> None:
    """Declare no arguments."""
    parser.epilog = "Runs in a folder of its own and leaves nothing behind."


def run(_shell: Shell, _options: Namespace) -> int:
    """Run it."""
    return demo.main()
