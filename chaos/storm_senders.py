"""A storm of one detection through every entry: HTTP one by one and as NDJSON, the Redis bridge, the command line.

Each sender sends what was not accepted again, as NiFi and cron do; the ledger knows what it has.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from redis import Redis, RedisError

from chaos.scene import Scene
from producers.cli.console import AWAY, DONE
from workers.core.errors import TqError
from workers.core.jobs import Job
from workers.ledger import keys

#: The token of the HTTP senders, and the settings that give it to the HTTP entry point.
TOKEN = os.urandom(16).hex()
HTTP_TOKENS = f"storm:events:{TOKEN}"

#: Title of the event, and when its first firing happened; each later one a second after the one before.
TITLE, FIRST = "Storm", datetime(2026, 1, 1, tzinfo=UTC)

#: Addresses among which the firings come from.
ADDRESSES = 60

#: Firings in one request, in one push and for one command; and of a hundred firings, how many each entry gets.
BATCH, SHARES = 100, {"ndjson": 60, "bridge": 30, "single": 5, "command": 5}

#: Seconds after which a sender that was refused tries again.
PAUSE_S = 0.2

BIN = Path(sys.executable).parent


def firing(number: int) -> dict[str, Any]:
    """Return firing `number`, which no other one equals."""
    return {
        "event_type": "Sighting",
        "event_name": TITLE,
        "event_source": "chaos",
        "event_happened_at": happened(number),
        "event_attributes": f"Number<|{number}",
        "uri_source": f"203.0.113.{number % ADDRESSES + 1}",
    }


def happened(number: int) -> str:
    """Return when firing `number` happened, UTC, as ThreatQ takes times."""
    return (FIRST + timedelta(seconds=number)).strftime("%Y-%m-%d %H:%M:%S")


def job_id(number: int) -> str:
    """Return the id that every entry gives the job of a firing."""
    return Job("events.create", {"payload": firing(number)}, producer="chaos").id


class StormSenders:
    """The senders of so many firings, a thread for each entry; `problems` are what ended one before its time."""

    def __init__(self, scene: Scene, firings: int, *, within_s: float) -> None:
        self._scene, self._ends = scene, time.monotonic() + within_s
        self.problems: list[str] = []
        self._url = self._start_entries()
        entries = {
            "ndjson": self._ndjson,
            "bridge": self._bridge,
            "single": self._single,
            "command": self._command,
        }
        self._threads = [
            threading.Thread(
                target=self._send, args=(send, numbers_of(name, firings)), name=name, daemon=True
            )
            for name, send in entries.items()
        ]

    def start(self) -> None:
        """Let all of them send."""
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Return once all have sent what they have, or their time is over."""
        for thread in self._threads:
            thread.join()

    def _start_entries(self) -> str:
        scene, ready = self._scene, self._scene.folder / "http.json"
        config = ("-c", scene.folder / "config")
        scene.processes.start("shim", BIN / "tq-http-shim", *config, "--port", "0", "--ready-file", ready)
        scene.processes.start("bridge", BIN / "tq-redis-bridge", *config)
        scene.until(ready.exists, "the HTTP entry point is ready", within_s=60)
        return str(json.loads(ready.read_text())["url"])

    def _send(self, send: Callable[[Sequence[int]], bool], numbers: Sequence[int]) -> None:
        for start in range(0, len(numbers), BATCH):
            part = numbers[start : start + BATCH]
            while not send(part):
                if time.monotonic() > self._ends:
                    self.problems.append(
                        f"{threading.current_thread().name} could not send its firings in time"
                    )
                    return
                time.sleep(PAUSE_S)

    def _ndjson(self, numbers: Sequence[int]) -> bool:
        return self._post("\n".join(json.dumps(firing(number)) for number in numbers), "application/x-ndjson")

    def _single(self, numbers: Sequence[int]) -> bool:
        return all(self._post(json.dumps(firing(number)), "application/json") for number in numbers)

    def _post(self, body: str, kind: str) -> bool:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind}
        try:
            answer = requests.post(f"{self._url}/v1/events", data=body, headers=headers, timeout=10)
        except requests.RequestException:
            return False
        return answer.status_code == 202

    def _bridge(self, numbers: Sequence[int]) -> bool:
        try:
            with Redis.from_url(self._scene.redis.url, socket_timeout=5) as redis:
                redis.rpush(keys.INGEST_RPUSH, *(json.dumps(firing(number)) for number in numbers))
        except RedisError:
            return False
        return True

    def _command(self, numbers: Sequence[int]) -> bool:
        text = "\n".join(json.dumps(firing(number)) for number in numbers)
        environ = {**self._scene.processes.environ, "TQ_SPOOL_DIR": self._scene.spool.folder}
        command = (BIN / "tq-conn-events-builder", "-c", self._scene.folder / "config", "-p", text)
        ended = subprocess.run(
            list(map(str, command)), env=environ, capture_output=True, timeout=120, check=False
        )
        return ended.returncode in (DONE, AWAY)


def numbers_of(entry: str, firings: int) -> list[int]:
    """Return the firings that come through one entry."""
    low = 0
    for name, share in SHARES.items():
        if name == entry:
            return [number for number in range(firings) if low <= number % 100 < low + share]
        low += share
    raise TqError(f"there is no entry {entry}")
