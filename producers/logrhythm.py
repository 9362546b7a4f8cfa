"""`tq-conn-logrhythm`: the sync of ThreatQ's data collections with LogRhythm's lists, now."""

from __future__ import annotations

import json
import logging
import os
import threading
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from importlib.metadata import version
from typing import Any

import structlog
from msgspec import Struct, structs

from producers.cli import remembered
from producers.cli.answer_sheet import is_configured
from producers.cli.console import DONE, WRONG_INPUT, guarded, note
from producers.cli.first_checks import LOGRHYTHM_STEPS, register
from producers.cli.first_run import CONFIGURED, FirstRun
from producers.cli.follow import End, Follow
from producers.cli.questions import terminal
from producers.cli.sync_report import ALL, as_json, code_of, show
from producers.enqueue import ledger_of
from workers.consumer import QueueHandler, consume
from workers.core.errors import InputError, ServiceAway
from workers.core.jobs import Job
from workers.core.results import Failure, SyncHandedOut, SyncOverlap
from workers.core.trace import trace_of
from workers.core.user import user_at_host
from workers.ledger.admin import LedgerAdmin
from workers.ledger.breakers import ask_now
from workers.ledger.client import RedisClient
from workers.ledger.connection import now_ms
from workers.ledger.ledger import Ledger
from workers.ledger.sync_owners import owner_of
from workers.listsync.plan.decisions import Decisions
from workers.listsync.plan.mapping import family_of
from workers.listsync.plan.settings import NEEDED, collections_of, require_sync
from workers.listsync.run.handler import work
from workers.runtime import Runtime
from workers.settings.loading import Loaded, load
from workers.settings.model import Settings, missing
from workers.settings.pages import LOGRHYTHM, with_logrhythm_page
from workers.telemetry import logs
from workers.threatq.client import Client
from workers.threatq.connector import Connector, ConnectorPage
from workers.threatq.score_bands import bands_of

log = structlog.get_logger("tq.logrhythm")

#: Seconds that ThreatQ gets for each answer while an operator waits for this command: to give the page, and, where that
#: could not be read, for a run that this process itself works on.
ANSWER_S = 10.0

_EPILOG = """\
examples:
  tq-conn-logrhythm -c /etc/tq_labs -ll /var/log/tq -v3     first run: asks, checks, registers; then: sync now
  tq-conn-logrhythm -c /etc/tq_labs --dry-run               show what would change, list by list
  tq-conn-logrhythm -c /etc/tq_labs --full                  read everything, not only what has changed
  tq-conn-logrhythm -c /etc/tq_labs --inline                for cron on a machine without a worker

exit codes: 0 without errors, 1 it failed or a run is under way, 2 wrong input or configuration, 3 a service is away or
no worker runs; the job is kept and done later
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return guarded(partial(_run, parse(arguments)))


def _run(options: Namespace) -> int:
    _complete(options)
    logs.set_up(logs.LEVELS[options.verbosity], location=options.loglocation, name="tq-conn-logrhythm")
    loaded = _load(options)
    if not is_configured(loaded):
        first_run = FirstRun(terminal(takes_pipe=False), register=_register, steps=LOGRHYTHM_STEPS)
        _remember(options, first_run.run(loaded))
        return DONE
    wanted = _wanted(loaded.settings, options.collection)
    if not wanted.names:
        return WRONG_INPUT
    _remember(options, loaded)
    return _sync(wanted, loaded, options)


def _complete(options: Namespace) -> None:
    """Fill in what the last run was called with."""
    earlier = remembered.memory().recall()
    options.config = options.config or os.environ.get("TQ_CONFIG") or earlier.get("config")
    options.loglocation = options.loglocation or earlier.get("loglocation") or logs.STDERR
    known = {str(level): level for level in logs.LEVELS}
    options.verbosity = options.verbosity or known.get(earlier.get("verbosity", ""), 1)


def _remember(options: Namespace, loaded: Loaded) -> None:
    """Remember the places for the Smart Response actions, as the guide has it; without the right to, say so."""
    is_folder = options.loglocation not in (logs.STDOUT, logs.STDERR)
    logs_at = os.path.abspath(options.loglocation) if is_folder else options.loglocation
    places = {
        "config": str(loaded.path.parent.absolute()),
        "loglocation": logs_at,
        "verbosity": str(options.verbosity),
    }
    memory = remembered.memory()
    if memory.recall() == places or not loaded.has_file:
        return
    try:
        memory.remember(places)
    except InputError as error:
        note(f"warning: {error}")


def _load(options: Namespace) -> Loaded:
    loaded = load(options.config)
    for warning in loaded.warnings:
        log.warning(warning)
    if not options.name:
        return loaded
    return structs.replace(
        loaded, settings=structs.replace(loaded.settings, logrhythm_connector_name=options.name)
    )


def _register(settings: Settings) -> None:
    register(settings, settings.logrhythm_connector_name, LOGRHYTHM)


class _Wanted(Struct, frozen=True):
    """The collections to sync, the settings that decide how, and how ThreatQ failed while its page was to be read."""

    names: list[str]
    decisions: dict[str, Any] = {}
    away: Failure | None = None


def _wanted(settings: Settings, only: str) -> _Wanted:
    """Return the collections to sync and the settings that decide how, which every worker of the run then uses.

    No collection, with a word why, while LogRhythm's page in ThreatQ is not enabled. While ThreatQ is away the file's
    settings count. Where they do not say what to sync, "" stands for all that the page names: the worker reads it when
    ThreatQ is back. Raises ConfigError for what is missing or wrong.
    """
    if settings.settings_from == "local":
        return _Wanted(_names(settings, only), _decisions(settings))
    try:
        page = _page(_impatient(settings))
    except ServiceAway as error:
        note(f"warning: {error}. The page {settings.logrhythm_connector_name} cannot be read now")
        names = [only] if missing(settings, NEEDED) else _names(settings, only)
        return _Wanted(names, away=Failure(str(error), service="threatq"))
    if page is None:
        return _Wanted([])
    settings = with_logrhythm_page(settings, page.fields)
    return _Wanted(_names(settings, only), _decisions(settings))


def _impatient(settings: Settings) -> Settings:
    """Return settings under which ThreatQ has to answer soon."""
    return structs.replace(settings, threatq_read_timeout_s=min(ANSWER_S, settings.threatq_read_timeout_s))


def _decisions(settings: Settings) -> dict[str, Any]:
    bands_of(settings)
    return structs.asdict(Decisions.of(settings))


def _page(settings: Settings) -> ConnectorPage | None:
    """Return LogRhythm's page if it is enabled; one that is not there yet is registered."""
    client = Client.from_settings(settings)
    name = settings.logrhythm_connector_name
    try:
        page = Connector(client, name).find()
    finally:
        client.close()
    if page is None:
        _register(settings)
        note(
            f"ThreatQ had no connector {name}; it has now. Fill in its page and enable it, then run this again"
        )
        print(CONFIGURED)
        return None
    if not page.is_enabled:
        note(f"error: the connector {name} is disabled in ThreatQ; enable it on its page, and run this again")
        return None
    return page


def _names(settings: Settings, only: str) -> list[str]:
    """Return the collections to sync; raises ConfigError for what is missing or wrong in the settings."""
    require_sync(settings)
    families = collections_of(settings)
    names = [family.name for family in families]
    if not only:
        return names
    family = family_of(families, only)
    if family is None:
        raise InputError(f"{only!r} is not configured; there are {', '.join(names)}", field="--collection")
    return [family.name]


def _sync(wanted: _Wanted, loaded: Loaded, options: Namespace) -> int:
    ledger, away = ledger_of(loaded), wanted.away
    since_ms = now_ms(ledger.redis)
    mode = {"mode": "full"} if options.full else {}
    asked = {"dry_run": options.dry_run, "settings": wanted.decisions, **mode}
    runs = {name: _accept(ledger, {"collection": name, **asked}) for name in wanted.names}
    if options.no_wait:
        for name, job_id in runs.items():
            print(
                json.dumps({"collection": name, "job": job_id})
                if options.json
                else f"started   {job_id}  {name or ALL}"
            )
        return DONE
    admin = LedgerAdmin(ledger.redis)
    try:
        own = _impatient(loaded.settings) if away else loaded.settings
        with _worker(own, options) if options.inline else nullcontext():
            ends = _follow(admin, runs, since_ms, options, away)
    except KeyboardInterrupt:
        note(
            "what was started is kept, and a worker goes on with it; tqctl sync history shows what became of it"
        )
        raise
    for end in ends:
        if options.json:
            print(as_json(admin, end))
        else:
            show(admin, end)
    return max(map(code_of, ends))


def _follow(
    admin: LedgerAdmin,
    runs: Mapping[str, str],
    since_ms: int,
    options: Namespace,
    away: Failure | None = None,
) -> list[End]:
    """Return how the runs ended, and in place of those that led to others, how these did."""
    ends = Follow(admin, runs, since_ms=since_ms, quiet=options.json, away=away).to_the_end()
    led_to = {end.job: _led_to(admin.redis, end, inline=options.inline) for end in ends}
    others = {name: job for jobs in led_to.values() for name, job in jobs.items()}
    return [end for end in ends if not led_to[end.job]] + (
        _follow(admin, others, since_ms, options) if others else []
    )


def _led_to(redis: RedisClient, end: End, *, inline: bool) -> dict[str, str]:
    """Return the jobs that do a run's work in its place, by collection.

    Those that it was handed out to; or the earlier one that has the collection, if only this process works on it.
    """
    result = end.result
    if inline and isinstance(result, SyncOverlap) and not result.at_work:
        note(f"{end.collection}: going on with the run that was begun earlier (job {result.by})")
        _say_where(redis, result.by)
        return {end.collection: result.by}
    return result.runs if isinstance(result, SyncHandedOut) else {}


def _say_where(redis: RedisClient, job_id: str) -> None:
    """Say which other host has a run, and for how long it is left to that."""
    owner = owner_of(redis, job_id)
    left_s = (owner.until_ms - now_ms(redis)) / 1000 if owner else 0
    if owner and left_s > 0:
        note(
            f"its files are on {owner.host}: another host takes it over in {left_s:.0f} s, unless that goes on"
        )


def _accept(ledger: Ledger, arguments: dict[str, Any]) -> str:
    name = arguments["collection"]
    # A key of its own: a sync that is asked for means now, whatever ran a minute ago.
    job = Job(
        "lists.sync",
        arguments,
        producer="cli",
        sender=user_at_host(),
        title=f"sync {name or ALL}",
        trace=trace_of(os.environ),
        key=f"cli:{os.urandom(8).hex()}",
    )
    (answer,) = ledger.accept([job])
    log.info("sync started", job=answer.id, collection=name)
    return answer.id


@contextmanager
def _worker(settings: Settings, options: Namespace) -> Iterator[None]:
    """Work on the queue in this process for as long as the block lasts; what an outage put off is tried now."""
    ours = logging.getLogger("workers")
    if options.loglocation in (logs.STDOUT, logs.STDERR) and options.verbosity == 1:
        # What is logged of a failure is what the report says at the end, in words.
        ours.setLevel(logging.CRITICAL)
    runtime, over = Runtime(settings), threading.Event()
    ask_now(runtime.redis, "sync")
    consumer = QueueHandler(
        "sync", lambda attempt: [work(claim, runtime, over.is_set) for claim in attempt.claims], 1
    )

    def serve() -> None:
        while not over.is_set():
            try:
                consume(consumer, runtime.ledger, runtime.leases, stopping=over.is_set)
            except ServiceAway as error:
                log.warning("redis away", reason=str(error))
            over.wait(0.1)

    thread = threading.Thread(target=serve, name="inline worker")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        ours.setLevel(logging.NOTSET)


def parse(arguments: Sequence[str] | None = None) -> Namespace:
    """Read the command line; ends the process with code 2 when it is wrong."""
    parser = ArgumentParser(
        prog="tq-conn-logrhythm",
        description="Brings LogRhythm's lists in step with ThreatQ's data collections, now.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=version("tq-workers"))
    add = parser.add_argument
    add("-c", "--config", metavar="CONFIG", help="folder of tq.yaml (default: as the last time)")
    add(
        "-ll",
        "--loglocation",
        metavar="LOGLOCATION",
        help="folder for the log, or 'stdout': standard output (default: as the last time, else standard error)",
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
    add("--full", action="store_true", help="read everything, also where a look at what has changed would do")
    add("--json", action="store_true", help="print one JSON object for each collection")
    add(
        "--no-wait",
        action="store_true",
        help="start it and return; tqctl sync history shows what became of it",
    )
    add("--inline", action="store_true", help="do the work in this process instead of in a worker")
    return parser.parse_args(arguments)
