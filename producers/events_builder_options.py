"""The options of `tq-conn-events-builder`: the guide's, as they stand there, and ours."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence

from producers.smart_response.arguments import seconds

#: Seconds that --wait waits when it names none.
WAIT_S = 60.0

_EPILOG = """\
examples:
  tq-conn-events-builder -c /etc/tq_labs                       first run: asks, checks, registers
  tq-conn-events-builder -c /etc/tq_labs -p @detection.json    send one payload, an array, or one a line
  my-detection | tq-conn-events-builder -c /etc/tq_labs -p - --wait
  tq-conn-events-builder -p @detection.json --explain          show what it would become; needs no configuration

exit codes: 0 done or accepted, 1 it failed, 2 wrong input or configuration, 3 a service is away and the job is kept
"""


def parse(arguments: Sequence[str] | None = None) -> Namespace:
    """Read the command line; ends the process with code 2 when it is wrong."""
    parser = ArgumentParser(
        prog="tq-conn-events-builder",
        description="Sends detection payloads to become events in ThreatQ.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    _add_guide_options(parser)
    _add_our_options(parser)
    return parser.parse_args(arguments)


def _add_guide_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "-ll",
        "--loglocation",
        default="stdout",
        metavar="LOGLOCATION",
        help="folder for the log; 'stdout' (the default) is the console, where logs go to standard error",
    )
    add(
        "-c",
        "--config",
        metavar="CONFIG",
        help="folder of tq.yaml (default: TQ_CONFIG, else the current one)",
    )
    add(
        "-v",
        "--verbosity",
        type=int,
        choices=(1, 2, 3),
        default=1,
        help="1 warnings (default), 2 what is done, 3 everything",
    )
    add("-n", "--name", default="", help="name of the connector in ThreatQ, and of events without a source")
    add("-d", "--no-differential", action="store_true", help="accepted; concerns exports, which are not used")
    add(
        "-ep",
        "--external-proxy",
        action="store_true",
        help="accepted; a proxy towards the internet, never towards ThreatQ",
    )
    add(
        "-p",
        "--payload",
        help="the payload as JSON, @FILE, or - for standard input; an array or one a line are several "
        "(default: TQ_PAYLOAD). Better not JSON itself: a command line is visible to others",
    )


def _add_our_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--wait",
        nargs="?",
        type=seconds,
        const=WAIT_S,
        metavar="SECONDS",
        help=f"wait for the outcome (default {WAIT_S:.0f}) and print the event's id and link",
    )
    add(
        "--explain",
        action="store_true",
        help="show what would be created, call by call; touches neither Redis nor ThreatQ",
    )
    add("--json", action="store_true", help="print one JSON object for each payload")
