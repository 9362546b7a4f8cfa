"""`tqctl up`: Redis, a simulated ThreatQ unless one is configured, workers, beat and Flower, until Ctrl-C."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from sandbox import up
from workers.ctl.shell import Shell


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--folder", type=Path, default=up.FOLDER, help="data, configuration and logs")
    parser.add_argument("--threatq-port", type=int, help=up.PORT_HELP)


def run(_shell: Shell, options: Namespace) -> int:
    """Run it."""
    port = [] if options.threatq_port is None else ["--threatq-port", str(options.threatq_port)]
    return up.main(["--folder", str(options.folder), *port])
