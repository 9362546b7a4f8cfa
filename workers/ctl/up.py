"""`tqctl up`: Redis, a simulated ThreatQ unless one is configured, workers, beat and Flower, until Ctrl-C."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from sandbox import up
from workers.ctl.shell import Shell


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--folder", type=Path, default=up.FOLDER, help="data, configuration and logs")
    parser.add_argument(
        "--threatq-port", type=int, default=up.THREATQ_PORT, help="of the simulated ThreatQ; 0: any free one"
    )


def run(_shell: Shell, options: Namespace) -> int:
    """Run it."""
    return up.main(["--folder", str(options.folder), "--threatq-port", str(options.threatq_port)])
