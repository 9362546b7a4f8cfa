"""The options of `tq-conn-logrhythm`: the guide's, as they stand there, and ours."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence

_EPILOG = """\
examples:
  tq-conn-logrhythm -c /etc/tq_labs -ll /var/log/tq -v3     first run: asks, checks, registers; then: sync now
  tq-conn-logrhythm -c /etc/tq_labs --dry-run               show what would change, list by list
  tq-conn-logrhythm -c /etc/tq_labs --inline                for cron on a machine without a worker

exit codes: 0 without errors, 1 it failed or a run is under way, 2 wrong input or configuration, 3 a service is away or
no worker runs; the job is kept and done later
"""


def parse(arguments: Sequence[str] | None = None) -> Namespace:
    """Read the command line; ends the process with code 2 when it is wrong."""
    parser = ArgumentParser(
        prog="tq-conn-logrhythm",
        description="Brings LogRhythm's lists in step with ThreatQ's data collections, now.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("-c", "--config", metavar="CONFIG", help="folder of tq.yaml (default: as the last time)")
    add(
        "-ll",
        "--loglocation",
        metavar="LOGLOCATION",
        help="folder for the log, or 'stdout' for the console (default: as the last time, else the console)",
    )
    add(
        "-v",
        "--verbosity",
        type=int,
        choices=(1, 2, 3),
        help="1 warnings (default), 2 what is done, 3 everything",
    )
    add("-n", "--name", default="", help="name of the connector in ThreatQ (default: LogRhythm)")
    add("--collection", default="", help="only this data collection (default: all that are configured)")
    add("--dry-run", action="store_true", help="read and plan, write nothing")
    add("--json", action="store_true", help="print one JSON object for each collection")
    add(
        "--no-wait",
        action="store_true",
        help="start it and return; tqctl sync history tells what became of it",
    )
    add("--inline", action="store_true", help="do the work in this process instead of in a worker")
    return parser.parse_args(arguments)
