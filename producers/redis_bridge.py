"""`tq-redis-bridge`: what is pushed into Redis becomes jobs."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from functools import partial
from importlib.metadata import version
from pathlib import Path

import structlog
from msgspec.structs import replace

from producers.bridge.deferred import DeferredSource
from producers.bridge.forwarder import Forwarder, Stopped
from producers.bridge.forwarding import forward
from producers.bridge.presence import Presence
from producers.bridge.sources import (
    LOSSY,
    OLDEST,
    ChannelSource,
    ListSource,
    MessageSource,
    StreamSource,
)
from producers.bridge.suspects import Suspects
from producers.cli.console import DONE, guarded, note, write_ready
from workers.core.errors import InputError
from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.ledger.connection import connect
from workers.ledger.ingest import is_elsewhere
from workers.ledger.ledger import open_ledger
from workers.ledger.quarantine import Quarantine, limits_of
from workers.payload.intake import from_settings
from workers.settings.loading import load
from workers.settings.model import Settings
from workers.telemetry import logs

log = structlog.get_logger("tq.bridge")

#: Jobs that may be open in the queue although Redis is fuller than ingest_memory_percent: as many as workers have in
#: hand, so that what waits in the lists moves at their pace, and memory does not grow by it.
RELIEF_JOBS = 1_000

#: Seconds between signs of life at most: a health check takes a part for dead after 15.
LIFE_S = 5.0

#: Where payloads are pushed to, by the command that pushes them.
KEYS = {
    "rpush": keys.INGEST_RPUSH,
    "lpush": keys.INGEST_LPUSH,
    "stream": keys.INGEST_STREAM,
    "channel": keys.INGEST_CHANNEL,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return guarded(partial(_run, _parser().parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    if options.json and not options.show_keys:
        raise InputError("goes with --show-keys; alone it would start a bridge", field="--json")
    if options.show_keys:
        _show_keys(as_json=options.json)
        return DONE
    logs.set_up(logs.LEVELS[options.verbosity], location=options.loglocation, name="tq-redis-bridge")
    loaded = load(options.config)
    for warning in loaded.warnings:
        log.warning(warning)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    serve(loaded.settings, stopping, options.ready_file)
    return DONE


def serve(settings: Settings, stopping: threading.Event, ready_file: Path | None = None) -> None:
    """Forward every source in a thread of its own until stopped, or until one of them fails.

    Raises ServiceAway("redis") when it could not give back what it had taken: another bridge takes that over then.
    """
    ingest = connect(settings.ingest_redis_url or settings.redis_url)
    bridge_id = f"{socket.gethostname()}-{os.getpid()}-{os.urandom(3).hex()}"
    forwarder = _forwarder(settings, stopping)
    presence = Presence(
        ingest, bridge_id, takeover_s=settings.ingest_takeover_s, heartbeat_file=settings.heartbeat_file
    )
    deferred = DeferredSource(ingest, stopping.wait)
    sources = [*_sources(ingest, bridge_id, settings), deferred]
    with ThreadPoolExecutor(len(sources), thread_name_prefix="source") as pool:
        try:
            forwarder.until_done(presence.beat)
            running = [
                pool.submit(forward, source, forwarder, deferred, Suspects(ingest), stopping)
                for source in sources
            ]
            note(f"tq-redis-bridge {bridge_id} reads {', '.join(source.name for source in sources)}")
            if ready_file:
                write_ready(ready_file, {"id": bridge_id, **KEYS})
            _watch(running, forwarder, presence, min(settings.ingest_takeover_s / 4, LIFE_S))
        except Stopped:
            return
        finally:
            stopping.set()
    # No other bridge takes over from one that leaves, so it must have nothing any more.
    for source in running:
        source.result()
    deferred.give_back()
    presence.leave()


def _watch(running: Sequence[Future[None]], forwarder: Forwarder, presence: Presence, every_s: float) -> None:
    """Give signs of life until the sources have ended; raises what one of them failed with."""
    while not forwarder.stopping.is_set():
        ended, _ = wait(running, timeout=every_s, return_when=FIRST_EXCEPTION)
        for future in ended:
            future.result()
        forwarder.until_done(presence.beat)


def _forwarder(settings: Settings, stopping: threading.Event) -> Forwarder:
    """Return what accepts; in the ledger's own Redis that makes room, also when it is full."""
    redis, limits, relief_jobs = connect(settings.redis_url), limits_of(settings), 0
    if not is_elsewhere(settings):
        percent = max(settings.memory_percent, settings.ingest_memory_percent)
        settings, relief_jobs = replace(settings, memory_percent=percent), RELIEF_JOBS
        limits = replace(limits, memory_percent=None)
    ledger = open_ledger(redis, settings, relief_jobs=relief_jobs)
    intake = from_settings(settings, "redis")
    intake.mappings.current()
    return Forwarder(intake, ledger, Quarantine(redis, limits), stopping)


def _sources(ingest: RedisClient, bridge_id: str, settings: Settings) -> list[MessageSource]:
    sources: list[MessageSource] = [ListSource(ingest, name, bridge_id) for name in OLDEST]
    sources.append(StreamSource(ingest, bridge_id, takeover_s=settings.ingest_takeover_s))
    if settings.ingest_channel:
        log.warning("listening to a channel", key=keys.INGEST_CHANNEL, hazard=LOSSY)
        sources.append(ChannelSource(ingest))
    return sources


def _show_keys(*, as_json: bool) -> None:
    if as_json:
        print(json.dumps(KEYS))
        return
    for name, key in KEYS.items():
        print(f"{name:8} {key}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tq-redis-bridge", description="Makes jobs of the payloads that are pushed into Redis."
    )
    parser.add_argument("--version", action="version", version=version("tq-workers"))
    parser.add_argument("-c", "--config", help="folder of tq.yaml")
    parser.add_argument(
        "--show-keys", action="store_true", help="print where payloads are pushed to, and end"
    )
    parser.add_argument("--json", action="store_true", help="with --show-keys, print them as JSON")
    parser.add_argument("--ready-file", type=Path, help="write the keys here as JSON once it reads them")
    parser.add_argument("-ll", "--loglocation", default=logs.STDERR, help=logs.LOCATION_HELP)
    parser.add_argument("-v", "--verbosity", type=int, choices=(1, 2, 3), default=2, help="default 2")
    return parser
