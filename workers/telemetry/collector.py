"""What Prometheus is told of the ledger and of the list sync: read whenever it asks, so nothing is counted twice."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from workers.core.errors import ServiceAway
from workers.core.sync_report import CHANGES, RunResult, last_of_each
from workers.ledger.admin import LedgerAdmin
from workers.ledger.breakers import SERVICES
from workers.ledger.client import RedisClient
from workers.ledger.ingest import waiting_for_bridge
from workers.ledger.latency import latencies
from workers.ledger.overview import Overview, overview
from workers.ledger.quarantine import Quarantine
from workers.ledger.status import memory
from workers.ledger.sync_runs import WaitingRun, abandoned_lists, history, pending_count, waiting_runs
from workers.telemetry import metrics

#: One value and its labels, in the order in which they are declared.
Sample = tuple[metrics.Declared, tuple[str, ...], float]

#: What is read of the ledger as one value a label.
_VALUES = [declared for declared in metrics.LEDGER if declared.kind != "histogram"]

#: Runs of the list sync that are looked through for the last one of each collection.
RUNS = 200


class LedgerCollector(Collector):
    """Reads the ledger each time metrics are scraped."""

    def __init__(self, admin: LedgerAdmin, quarantine: Quarantine, ingest: RedisClient | None = None) -> None:
        """`ingest` is the Redis that the bridge reads, None for the ledger's own."""
        self.admin = admin
        self.quarantine = quarantine
        self.ingest = ingest

    def describe(self) -> Iterator[Metric]:
        """Name what is collected without asking Redis."""
        yield from map(metrics.family, _VALUES)
        yield metrics.histogram_family(metrics.JOB_SECONDS)

    def collect(self) -> Iterator[Metric]:
        """Read all of it; of a ledger that is away, say that it is."""
        families = {declared.name: metrics.family(declared) for declared in _VALUES}
        took = metrics.histogram_family(metrics.JOB_SECONDS)
        try:
            samples = list(self._read())
            for of_jobs, latency in latencies(self.admin.redis).items():
                took.add_metric(of_jobs, latency.cumulative(), latency.sum_s)
        except ServiceAway:
            samples = []
        for declared, labels, value in samples:
            families[declared.name].add_metric(labels, value)
        families[metrics.LEDGER_UP.name].add_metric((), 1 if samples else 0)
        yield from families.values()
        yield took

    def _read(self) -> Iterator[Sample]:
        state = overview(self.admin.redis)
        yield from _of_overview(state)
        for name, count in self.admin.counts().items():
            yield metrics.JOBS, tuple(name.split(":", 2)), count
        yield metrics.QUARANTINED, (), self.quarantine.count()
        yield metrics.QUARANTINED_BYTES, (), self.quarantine.size()
        yield from _of_ingest(self.ingest, self.admin.redis)
        used, most = memory(self.admin.redis)
        if most:
            yield metrics.MEMORY, (), used / most
        yield metrics.SYNC_HELD, (), pending_count(self.admin.redis)
        yield metrics.SYNC_ABANDONED, (), len(abandoned_lists(self.admin.redis))
        yield from _of_waiting(waiting_runs(self.admin.redis), state.at_ms)
        yield from of_runs(history(self.admin.redis, most=RUNS), state.at_ms)


def _of_ingest(ingest: RedisClient | None, ledgers: RedisClient) -> Iterator[Sample]:
    """Yield what waits for the bridge; one of its own that does not answer keeps nothing else from being told."""
    if ingest is None or ingest is ledgers:
        yield metrics.INGEST_BYTES, (), waiting_for_bridge(ledgers).bytes
        return
    try:
        waiting, (used, most) = waiting_for_bridge(ingest), memory(ingest)
    except ServiceAway:
        yield metrics.INGEST_UP, (), 0
        return
    yield metrics.INGEST_UP, (), 1
    yield metrics.INGEST_BYTES, (), waiting.bytes
    if most:
        yield metrics.INGEST_MEMORY, (), used / most


def _of_overview(state: Overview) -> Iterator[Sample]:
    for queue in state.queues:
        yield metrics.OPEN_JOBS, (queue.name,), queue.open
        yield metrics.READY_JOBS, (queue.name,), queue.ready
        yield metrics.OLDEST_JOB, (queue.name,), queue.oldest_s
        yield metrics.PAUSED, (queue.name,), queue.paused
        yield metrics.NEEDS_NEWER, (queue.name,), bool(queue.needs_newer)
        yield metrics.WORKERS, (queue.name,), queue.workers
        yield metrics.STANDS_STILL, (queue.name,), queue.standing.level == "bad"
    waiting = {wait.queue for wait in state.waits}
    for queue in state.queues:
        yield metrics.QUEUE_WAITS, (queue.name,), queue.name in waiting
    away = {breaker.service for breaker in state.away}
    for service in SERVICES:
        yield metrics.SERVICE_AWAY, (service,), service in away
    yield metrics.DEAD_JOBS, (), state.dead
    yield metrics.GROUPS, (), state.groups
    yield metrics.LIMITED_SOURCES, (), len(state.limited)
    if state.upkeep_s is not None:
        yield metrics.UPKEEP_SILENT, (), state.upkeep_s


def _of_waiting(runs: list[WaitingRun], now_ms: int) -> Iterator[Sample]:
    # The longest come first, and count where a collection has several.
    for collection, run in {run.collection: run for run in reversed(runs)}.items():
        yield metrics.SYNC_WAITS, (collection,), max(0.0, (now_ms - run.since_ms) / 1000)


def of_runs(runs: list[RunResult], now_ms: int) -> Iterator[Sample]:
    """Yield what the last run of each collection did, and how long ago one went well; `runs` are newest first."""
    for collection, run in last_of_each(run for run in runs if run.status == "done").items():
        yield metrics.SYNC_AGE, (collection,), max(0.0, (now_ms - run.ended_ms) / 1000)
        if run.full_ms:
            yield metrics.SYNC_FULL_AGE, (collection,), max(0.0, (now_ms - run.full_ms) / 1000)
    for collection, run in last_of_each(runs).items():
        yield metrics.SYNC_FAILED, (collection,), len(run.failed)
        for item in run.lists:
            yield metrics.SYNC_ENTRIES, (collection, item.name), item.entries
            for change in CHANGES:
                yield metrics.SYNC_CHANGES, (collection, item.name, change.key), change.of(item)
