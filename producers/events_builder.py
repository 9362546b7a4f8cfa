"""`tq-conn-events-builder`: a detection payload becomes a job, and the job an event in ThreatQ."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version

import structlog
from msgspec import structs, to_builtins

from producers.cli.console import AWAY, DONE, FAILED, WRONG_INPUT, guarded, note
from producers.cli.dry_run import calls, explain, explain_calls, explain_group
from producers.cli.first_checks import register
from producers.cli.first_run import FirstRun
from producers.cli.payload_argument import read_argument
from producers.cli.questions import Terminal, terminal
from producers.cli.refusals import keep_refused
from producers.cli.report import PayloadReport, Wait, outcome_of, report_spool, words
from producers.enqueue import hand_over, ledger_of, spool_of, told_assets, with_event_types
from workers.core.errors import InputError
from workers.core.jobs import Job
from workers.core.text import printable, seconds
from workers.core.trace import trace_of
from workers.core.user import sent_by, user_at_host
from workers.ledger.admin import LedgerAdmin
from workers.ledger.quarantine import Quarantine, limits_of
from workers.payload.intake import RejectedPayload, from_settings, refused_only
from workers.payload.mapped import mapping_of
from workers.payload.options import DialectOptions
from workers.payload.options import from_settings as dialect_from
from workers.payload.planning import plan_now
from workers.settings.loading import Loaded, load
from workers.settings.model import Settings
from workers.settings.pages import EVENTS_BUILDER
from workers.telemetry import logs

log = structlog.get_logger("tq.events_builder")

#: Seconds that --wait waits when it names none.
WAIT_S = 60.0

_EPILOG = """\
examples:
  tq-conn-events-builder -c /etc/tq_labs                       first run: asks, checks, registers
  tq-conn-events-builder -c /etc/tq_labs -p @detection.json    send one payload, an array, or one a line
  my-detection | tq-conn-events-builder -c /etc/tq_labs -p - --wait
  tq-conn-events-builder -p @detection.json --explain          show what it would become; needs no configuration

exit codes: 0 done or accepted, 1 it failed, or some of several payloads were refused and the others accepted,
            2 wrong input or configuration, nothing was accepted, 3 a service is away and the job is kept
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return guarded(partial(_run, parse(arguments)))


def parse(arguments: Sequence[str] | None = None) -> Namespace:
    """Read the command line; ends the process with code 2 when it is wrong."""
    parser = ArgumentParser(
        prog="tq-conn-events-builder",
        description="Sends detection payloads to become events in ThreatQ.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=version("tq-workers"))
    _add_guide_options(parser)
    _add_our_options(parser)
    return parser.parse_args(arguments)


def _add_guide_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "-ll",
        "--loglocation",
        default=logs.STDERR,
        metavar="LOGLOCATION",
        help=logs.LOCATION_HELP,
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
    add(
        "--mapping",
        default="",
        metavar="NAME",
        help="the mapping of every payload, such as aws-guardduty (default: each is known by its form)",
    )
    add("--json", action="store_true", help="print one JSON object for each payload")


def _run(options: Namespace) -> int:
    logs.set_up(logs.LEVELS[options.verbosity], location=options.loglocation, name="tq-conn-events-builder")
    _say_what_has_no_effect(options)
    loaded = _load(options)
    # An empty TQ_PAYLOAD counts as not set, but an empty -p is a payload that was lost on the way.
    argument = os.environ.get("TQ_PAYLOAD") or None if options.payload is None else options.payload
    if options.explain:
        return _explain(_read(argument, loaded, options), loaded, as_json=options.json)
    if argument is None or not loaded.origins:
        # With a payload, the standard input may be the payload's.
        loaded = set_up(loaded, terminal(takes_pipe=argument is None))
    if argument is None:
        return DONE
    return _send(_read(argument, loaded, options), loaded, options)


def _say_what_has_no_effect(options: Namespace) -> None:
    if options.no_differential:
        note("note: -d concerns exports, which this connector does not use; it changes nothing")
    if options.external_proxy:
        note(
            "note: -ep is a proxy towards the internet, which this connector does not need; "
            "for a proxy towards ThreatQ set TQ_THREATQ_PROXY"
        )


def _load(options: Namespace) -> Loaded:
    loaded = load(options.config)
    for warning in loaded.warnings:
        log.warning(warning)
    if not options.name:
        return loaded
    return structs.replace(loaded, settings=structs.replace(loaded.settings, connector_name=options.name))


def set_up(loaded: Loaded, answers: Terminal) -> Loaded:
    """Make the connector known to ThreatQ, after asking for what is not configured yet."""
    return FirstRun(answers, register=_register).run(loaded)


def _register(settings: Settings) -> None:
    register(settings, settings.connector_name, EVENTS_BUILDER)


def _read(argument: str | None, loaded: Loaded, options: Namespace) -> list[Job | RejectedPayload]:
    """Return a job or a refusal for each payload; refusals are told at once."""
    if argument is None:
        raise InputError("nothing to explain; give JSON, @FILE or - with -p", field="payload")
    intake = from_settings(loaded.settings, "cli", lenient=True, source=options.name)
    if not options.explain:
        intake = with_event_types(intake, ledger_of(loaded).redis)
    results = intake.jobs(read_argument(argument), trace=trace_of(os.environ), mapping=options.mapping)
    user = user_at_host()
    for result in results:
        if isinstance(result, RejectedPayload):
            note(f"error: payload {result.position}: {printable(result.detail)}")
        else:
            result.sender = sent_by(result.sender, user)
    return results


def _explain(results: Sequence[Job | RejectedPayload], loaded: Loaded, *, as_json: bool) -> int:
    show = _explain_as_json if as_json else _explain_in_words
    dialect = _dialect(loaded)
    for position, job in _jobs(results):
        show(position, job, loaded.settings, dialect)
    return _code(results)


def _dialect(loaded: Loaded) -> DialectOptions:
    """Return how payloads are read; a note says where what is ours is not wholly known."""
    collection = loaded.settings.own_assets_collection
    collected, reason = told_assets(ledger_of(loaded).redis, collection)
    if reason:
        what = f"what is ours by own_assets_collection ({collection})"
        note(f"warning: a worker decides {what}; it is not known here: {reason}")
    return dialect_from(loaded.settings, collected)


def _explain_in_words(position: int, job: Job, settings: Settings, dialect: DialectOptions) -> None:
    plan = plan_now(job, dialect)
    print(f"Payload      {position}, job {job.id}")
    if mapping := mapping_of(job.arguments):
        print(f"Mapping      {mapping}")
    print("\n".join(explain(plan, unknown_types=settings.unknown_event_type)))
    print("".join(f"{line}\n" for line in explain_group(job, plan, dialect.grouping)), end="")
    print("\n".join(explain_calls(calls(plan, settings, job.id))))


def _explain_as_json(position: int, job: Job, settings: Settings, dialect: DialectOptions) -> None:
    plan = plan_now(job, dialect)
    made = [
        {"method": method, "path": path, "body": body} for method, path, body in calls(plan, settings, job.id)
    ]
    mapping = {"mapping": name} if (name := mapping_of(job.arguments)) else {}
    print(
        json.dumps({"position": position, "job": job.id, **mapping, "plan": to_builtins(plan), "calls": made})
    )


def _send(results: Sequence[Job | RejectedPayload], loaded: Loaded, options: Namespace) -> int:
    sent = _jobs(results)
    if not sent:
        return _code(results)
    dialect = dialect_from(loaded.settings)
    ledger, spool = ledger_of(loaded), spool_of(loaded)
    result = hand_over([job for _, job in sent], ledger, spool)
    report_spool(result, spool.folder)
    refused = refused_only(results)
    quarantine = None if result.away else Quarantine(ledger.redis, limits_of(loaded.settings))
    for row in keep_refused(refused, quarantine, user_at_host()) if refused else ():
        print(row.as_json() if options.json else row.as_words(), flush=True)
    admin = LedgerAdmin(ledger.redis)
    wait = None if options.wait is None else Wait(admin, options.wait)
    # What was accepted is, so nothing says that nothing was.
    codes = [FAILED if refused else DONE, AWAY if result.away else DONE]
    for (position, _), handed in zip(sent, result.handed, strict=True):
        plan = plan_now(handed.job, dialect)
        log.info("handed over", job=handed.id, status=handed.status, title=plan.title)
        waited = outcome_of(handed, admin, wait)
        line = PayloadReport(position, handed.id, handed.status, plan.title, plan.warnings, waited)
        print(line.as_json() if options.json else words(line), flush=True)
        codes.append(line.code)
    return max(codes)


def _jobs(results: Sequence[Job | RejectedPayload]) -> list[tuple[int, Job]]:
    return [(position, job) for position, job in enumerate(results, start=1) if isinstance(job, Job)]


def _code(results: Sequence[Job | RejectedPayload]) -> int:
    return WRONG_INPUT if any(isinstance(result, RejectedPayload) for result in results) else DONE
