"""From an analyst's whitelisting to the removal from LogRhythm's lists, while a large sync runs and workers are killed.

BENCH_WHITELIST_SIZE=200000 measures less. All figures are of Redis's clock: from the acceptance of the whitelisting to
the end of the job that took the value out.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Set
from itertools import count
from typing import Any

from benchmarks.bare_sync import TYPES
from benchmarks.bench_sync import Bench, says_ready
from benchmarks.measuring import Stage, stage, until
from sandbox.threatq.control import value_of
from workers.core.jobs import Job
from workers.settings import file as settings_file

SIZE = int(os.environ.get("BENCH_WHITELIST_SIZE", "1000000"))

#: Values that are whitelisted, and seconds between two of them.
VALUES, EVERY_S = 400, 0.25

#: Seconds between two kills of a worker (SIGKILL); the next one is started at once.
KILL_EVERY_S = 15.0

#: Threads of each worker process.
THREADS = 4


class WhitelistBench(Bench):
    """Both services, and workers that serve actions and the sync, with the settings as they come."""

    def __init__(self, on: Stage, size: int) -> None:
        self.names = count()
        super().__init__(on, size)

    def _configure(self) -> None:
        super()._configure()
        file = self.on.processes.folder.parent / "config" / "tq.yaml"
        given = {name: line.text for name, line in settings_file.read(file).items()}
        settings_file.write(file, {name: text for name, text in given.items() if name != "lease_s"})

    def start_workers(self, _name: str) -> None:
        for _ in range(2):
            self.start_worker()

    def start_worker(self) -> None:
        """Start one more worker process."""
        name = f"worker-{next(self.names)}"
        queues = ("enrichment", "sync", "upkeep")
        self.workers[name] = self.on.processes.worker(name, *queues, threads=THREADS)
        log = self.on.processes.folder / f"{name}.log"
        self.on.processes.wait_until(lambda: says_ready(log), "the worker")

    def kill_the_oldest(self) -> None:
        """Kill a worker hard, and start another."""
        name = next(iter(self.workers))
        self.on.processes.kill(name)
        del self.workers[name]
        self.start_worker()

    def assert_gone(self, values: Set[str]) -> None:
        """Assert that none of these values stands in a list."""
        for name, guid in self.by_hand.lists().items():
            answer = self.by_hand.api("GET", f"/lists/{guid}/", headers={"maxItemsThreshold": "2000000"})
            left = values & {item["value"] for item in answer.json()["items"]}
            assert not left, (name, left)

    def change(self, turn: int) -> None:
        """Let 2 % of the indicators come anew, so that the next run has something to write."""
        more = self.size // 50
        self.on.threatq("POST", "seed", {"indicators": more, "start": self.size + turn * more})


class Whitelisted:
    """The values that were whitelisted, with the moment of their acceptance."""

    def __init__(self, bench: WhitelistBench) -> None:
        self._bench = bench
        self._numbers = iter(range(0, bench.size, max(bench.size // VALUES, 1)))
        self.accepted_ms: dict[str, int] = {}

    def one_more(self) -> None:
        """Whitelist the next value."""
        number = next(self._numbers)
        type_name = list(TYPES)[number % len(TYPES)]
        value = value_of(type_name, number)
        job = Job("indicators.whitelist", {"type": type_name, "value": value}, producer="bench")
        (answer,) = self._bench.on.ledger.accept([job])
        record = self._bench.on.admin.record(answer.id)
        assert record is not None
        self.accepted_ms[value] = record.accepted_ms

    def removed_ms(self) -> dict[str, int]:
        """Return when each value had left the lists."""
        admin = self._bench.on.admin
        ended: dict[str, int] = {}
        for record in admin.records(admin.ids("done", most=10_000, queue="sync")):
            outcome = admin.outcome(record.id) if record.kind == "lists.remove" else None
            if outcome and outcome.note.get("lists"):
                ended[str(outcome.note["value"])] = outcome.at_ms
        return ended


def run() -> dict[str, Any]:
    """Whitelist beside a sync, twice: undisturbed, and while workers are killed."""
    return {
        "indicators": SIZE,
        "undisturbed": measure(kills=False),
        "killed": measure(kills=True),
    }


def measure(*, kills: bool) -> dict[str, Any]:
    with stage() as on:
        bench = WhitelistBench(on, SIZE)
        bench.sync()
        values, killed = Whitelisted(bench), 0
        runs: list[str] = []
        next_kill = time.monotonic() + KILL_EVERY_S / 2
        for _ in range(VALUES):
            if not runs or bench.is_done(runs[-1]):
                bench.change(len(runs))
                runs.append(bench.start())
            if kills and time.monotonic() > next_kill:
                bench.kill_the_oldest()
                next_kill, killed = time.monotonic() + KILL_EVERY_S, killed + 1
            values.one_more()
            time.sleep(EVERY_S)
        until(lambda: len(values.removed_ms()) == VALUES, within_s=600)
        until(lambda: bench.is_done(runs[-1]), within_s=3_600)
        bench.assert_gone(values.accepted_ms.keys())
        return {**figures(values), "runs_beside": len(runs), "kills": killed}


def figures(values: Whitelisted) -> dict[str, Any]:
    """Return the seconds from acceptance to removal."""
    removed = values.removed_ms()
    taken = sorted((removed[value] - accepted) / 1000 for value, accepted in values.accepted_ms.items())
    return {
        "values": len(taken),
        "median_s": round(statistics.median(taken), 2),
        "p99_s": round(statistics.quantiles(taken, n=100)[98], 2),
        "worst_s": round(taken[-1], 2),
    }
