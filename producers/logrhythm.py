"""`tq-conn-logrhythm`: the sync of ThreatQ's data collections with LogRhythm's lists, now."""

from __future__ import annotations

import json
import logging
import os
import threading
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial

import structlog
from msgspec import structs

from producers import remembered
from producers.console import DONE, WRONG_INPUT, guarded, note
from producers.first_run import CONFIGURED, FirstRun, is_configured
from producers.follow import End, Follow
from producers.hand_over import ledger_of
from producers.logrhythm_options import parse
from producers.sync_report import ALL, as_json, code_of, show
from producers.threatq_setup import check, register
from workers import logs
from workers.config import Loaded, Settings, load, missing
from workers.drain import Consumer, drain
from workers.errors import InputError, ServiceAway
from workers.jobs import Job
from workers.ledger.desk import Desk
from workers.ledger.ledger import Ledger
from workers.listsync.options import collections_of
from workers.pages import LOGRHYTHM, with_logrhythm_page
from workers.runtime import Runtime
from workers.sync.setup import NEEDED, require_sync
from workers.sync.work import work
from workers.threatq.client import Client
from workers.threatq.connector import Connector, Page
from workers.traceparent import trace_of

log = structlog.get_logger("tq.logrhythm")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return guarded(partial(_run, parse(arguments)))


def _run(options: Namespace) -> int:
    _complete(options)
    logs.set_up(logs.LEVELS[options.verbosity], location=options.loglocation, name="tq-conn-logrhythm")
    loaded = _load(options)
    if not is_configured(loaded):
        _remember(options, FirstRun(check=check, register=_register).run(loaded))
        return DONE
    names = _wanted(loaded.settings, options.collection)
    if not names:
        return WRONG_INPUT
    _remember(options, loaded)
    return _sync(names, loaded, options)


def _complete(options: Namespace) -> None:
    """Fill in what the last run was called with."""
    earlier = remembered.memory().recall()
    options.config = options.config or os.environ.get("TQ_CONFIG") or earlier.get("config")
    options.loglocation = options.loglocation or earlier.get("loglocation") or "stdout"
    known = {str(level): level for level in logs.LEVELS}
    options.verbosity = options.verbosity or known.get(earlier.get("verbosity", ""), 1)


def _remember(options: Namespace, loaded: Loaded) -> None:
    """Remember the places for the Smart Response actions, as the guide has it; without the right to, say so."""
    logs_at = options.loglocation if options.loglocation == "stdout" else os.path.abspath(options.loglocation)
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


def _wanted(settings: Settings, only: str) -> list[str]:
    """Return the collections to sync; none, with a word why, while LogRhythm's page in ThreatQ is not enabled.

    While ThreatQ is away the file's settings count. Where they do not say what to sync, "" stands for all that the
    page names: the worker reads it when ThreatQ is back. Raises ConfigError for what is missing or wrong.
    """
    if settings.settings_from == "local":
        return _names(settings, only)
    try:
        page = _page(settings)
    except ServiceAway as error:
        note(f"warning: {error} The page {settings.logrhythm_connector_name} cannot be read now")
        return [only] if missing(settings, NEEDED) else _names(settings, only)
    return _names(with_logrhythm_page(settings, page.fields), only) if page else []


def _page(settings: Settings) -> Page | None:
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
    names = [one.name for one in collections_of(settings)]
    if only and only not in names:
        raise InputError(f"{only!r} is not configured; there are {', '.join(names)}", field="--collection")
    return [only] if only else names


def _sync(names: list[str], loaded: Loaded, options: Namespace) -> int:
    ledger = ledger_of(loaded)
    runs = {name: _accept(ledger, name, dry_run=options.dry_run) for name in names}
    if options.no_wait:
        for name, job_id in runs.items():
            print(
                json.dumps({"collection": name, "job": job_id})
                if options.json
                else f"started   {job_id}  {name or ALL}"
            )
        return DONE
    desk = Desk(ledger.redis)
    try:
        with _worker(loaded.settings, options) if options.inline else nullcontext():
            ends = _follow(desk, runs, options)
    except KeyboardInterrupt:
        note(
            "what was started is kept, and a worker goes on with it; tqctl sync history tells what became of it"
        )
        raise
    for end in ends:
        if options.json:
            print(as_json(desk, end))
        else:
            show(desk, end)
    return max(map(code_of, ends))


def _follow(desk: Desk, runs: Mapping[str, str], options: Namespace) -> list[End]:
    """Return how the runs ended, and in place of those that led to others, how these did."""
    ends = Follow(desk, runs, quiet=options.json).to_the_end()
    led_to = {end.job: _led_to(end, inline=options.inline) for end in ends}
    others = {name: job for jobs in led_to.values() for name, job in jobs.items()}
    return [end for end in ends if not led_to[end.job]] + (_follow(desk, others, options) if others else [])


def _led_to(end: End, *, inline: bool) -> dict[str, str]:
    """Return the jobs that do a run's work in its place, by collection.

    Those that it was handed out to; or the earlier one that has the collection, if only this process works on it.
    """
    if inline and end.note.get("status") == "overlap" and not end.note["at_work"]:
        note(f"{end.collection}: going on with the run that was begun earlier (job {end.note['by']})")
        return {end.collection: end.note["by"]}
    return dict(end.note.get("runs", {}))


def _accept(ledger: Ledger, name: str, *, dry_run: bool) -> str:
    # A key of its own: who asks for a sync now means now, whatever ran a minute ago.
    job = Job(
        "lists.sync",
        {"collection": name, "dry_run": dry_run},
        door="cli",
        title=f"sync {name or ALL}",
        trace=trace_of(os.environ),
        key=f"cli:{os.urandom(8).hex()}",
    )
    (answer,) = ledger.accept([job])
    log.info("sync started", job=answer.id, collection=name)
    return answer.id


@contextmanager
def _worker(settings: Settings, options: Namespace) -> Iterator[None]:
    """Work on the queue in this process for as long as the block lasts."""
    ours = logging.getLogger("workers")
    if options.loglocation == logs.CONSOLE and options.verbosity == 1:
        # What is logged of a failure is what the report says at the end, in words.
        ours.setLevel(logging.CRITICAL)
    here, over = Runtime(settings), threading.Event()
    consumer = Consumer("sync", lambda claims: [work(claim, here, over.is_set) for claim in claims], 1)

    def serve() -> None:
        while not over.is_set():
            try:
                drain(consumer, here.ledger, here.leases, stopping=over.is_set)
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
