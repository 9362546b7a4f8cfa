"""Several processes behind one listening socket: one that is free takes the next connection, one that dies is replaced.

They are started anew, not forked, so that each has its own connections and threads from the beginning.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from math import ceil
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import structlog
from msgspec import structs
from prometheus_client import CollectorRegistry, generate_latest, multiprocess, values
from prometheus_client.registry import Collector

from producers.cli.console import DONE, INTERRUPTED
from workers.core.errors import ConfigError
from workers.settings.model import Settings

log = structlog.get_logger("tq.http")

#: The environment's name for the folder in which the metrics of all processes are; their library reads it at import.
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"

_untyped: Any = multiprocess
_untyped_values: Any = values

#: Seconds until another process takes the place of one that ended.
REPLACED_AFTER_S = 0.5


class ProcessGroup:
    """So many processes of one command, each told its place and the listening socket, which it inherits."""

    def __init__(self, command: Sequence[str], listening: int, count: int) -> None:
        self._command, self._listening, self._count = command, listening, count
        self._running: dict[int, tuple[int, subprocess.Popen[bytes]]] = {}
        self._is_stopping = self._have_started = False
        self._code = DONE

    def run(self) -> int:
        """Keep them running until SIGTERM or SIGINT, and return the exit code once each has finished its requests."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        with TemporaryDirectory(prefix="tq-http-") as folder:
            for place in range(self._count):
                self._start(place, folder)
            while self._running:
                self._replace_next(folder)
        return self._code

    def _start(self, place: int, folder: str) -> None:
        process = subprocess.Popen(
            [*self._command, "--place", str(place), "--inherited-socket", str(self._listening)],
            env={**os.environ, METRICS_FOLDER: folder},
            # Its end tells them that this process is gone, however it went.
            stdin=subprocess.PIPE,
            pass_fds=(self._listening,),
        )
        self._running[process.pid] = place, process
        if self._is_stopping:
            _terminate(process.pid)

    def _replace_next(self, folder: str) -> None:
        """Wait until a process ends, and have another one in its place unless all shall end."""
        pid, status = os.waitpid(-1, 0)
        place, process = self._running.pop(pid)
        process.returncode = code = os.waitstatus_to_exitcode(status)
        if process.stdin:
            process.stdin.close()
        _untyped.mark_process_dead(place, folder)
        if code == ConfigError.exit_code and not self._have_started:
            # It has said why; the others cannot start either.
            self._code = code
            self._stop(signal.SIGTERM, None)
        elif not self._is_stopping:
            self._have_started = True
            log.error("a process has ended, another one takes its place", pid=pid, code=code)
            time.sleep(REPLACED_AFTER_S)
            self._start(place, folder)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self._is_stopping = True
        if number == signal.SIGINT:
            self._code = INTERRUPTED
        for pid in list(self._running):
            _terminate(pid)


def _terminate(pid: int) -> None:
    # Not by Popen, which may take the exit code of one that has just ended: `waitpid` would wait for it in vain.
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def go_on_counting(place: int) -> None:
    """Let the metrics that this process makes from now on be those of its place, whose files it takes over.

    Files of its own would stay behind each process that ever died.
    """
    _untyped_values.ValueClass = _untyped_values.MultiProcessValue(lambda: place)


def share_of(settings: Settings, count: int) -> Settings:
    """Return the settings of one of `count` processes: what bounds the memory of all is divided among them."""
    return structs.replace(
        settings,
        http_max_requests=ceil(settings.http_max_requests / count),
        http_max_connections=ceil(settings.http_max_connections / count),
        http_max_connections_per_address=ceil(settings.http_max_connections_per_address / count),
        http_inflight_bytes=ceil(settings.http_inflight_bytes / count),
    )


def exposed(own: CollectorRegistry, ledger: Collector) -> bytes:
    """Return all metrics in Prometheus' text format: of several processes the sums, and the ledger's once."""
    folder = os.environ.get(METRICS_FOLDER)
    if not folder:
        return generate_latest(own)
    of_all = CollectorRegistry()
    _untyped.MultiProcessCollector(of_all, folder)
    of_all.register(ledger)
    return generate_latest(of_all)
