"""Every metric that we give out, declared here and nowhere else: name, kind, labels, meaning."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from workers.errors import ServiceAway
from workers.ledger.desk import Desk
from workers.ledger.quarantine import Quarantine


class Declared(Struct, frozen=True):
    """A metric: its name, what it means and what to do about it, and its labels."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()


LEDGER_UP = Declared("tq_ledger_up", "1 while the ledger's Redis answers, else 0. Alert on 0.")
JOBS = Declared(
    "tq_jobs",
    "What happened to jobs since ever, by event (accepted, done, dead, waiting, replayed, quarantined), kind and "
    "door. Alert on dead and quarantined.",
    ("event", "kind", "door"),
)
OPEN_JOBS = Declared("tq_open_jobs", "Jobs that are accepted and not done or dead.", ("queue",))
OLDEST_JOB = Declared(
    "tq_oldest_job_seconds", "Age of the open job that is due first. Alert when it grows.", ("queue",)
)
DEAD_JOBS = Declared("tq_dead_jobs", "Dead letters that wait for somebody (tqctl dead).")
QUARANTINED = Declared("tq_quarantined", "Items that no door could read and that wait for somebody.")

HTTP_REQUESTS = Declared("tq_http_requests", "Requests at the HTTP door.", ("method", "route", "status"))
HTTP_SECONDS = Declared("tq_http_request_seconds", "Seconds from a request's head to its answer.", ("route",))
HTTP_IN_HAND = Declared("tq_http_requests_in_hand", "Requests that are being answered.")
HTTP_BYTES = Declared("tq_http_received_bytes", "Bytes of request bodies, inflated.")
HTTP_DUPLICATES = Declared("tq_http_duplicates", "Payloads that had been accepted before.", ("token",))

#: Upper bounds in seconds: an accept takes a few milliseconds.
_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


def counter(registry: CollectorRegistry, declared: Declared) -> Counter:
    """Return a counter that `registry` gives out."""
    return Counter(declared.name, declared.meaning, declared.labels, registry=registry)


def gauge(registry: CollectorRegistry, declared: Declared) -> Gauge:
    """Return a gauge that `registry` gives out."""
    return Gauge(declared.name, declared.meaning, declared.labels, registry=registry)


def histogram(registry: CollectorRegistry, declared: Declared) -> Histogram:
    """Return a histogram of seconds that `registry` gives out."""
    return Histogram(declared.name, declared.meaning, declared.labels, registry=registry, buckets=_BOUNDS)


class LedgerCollector(Collector):
    """Reads the ledger each time somebody asks for metrics."""

    def __init__(self, desk: Desk, quarantine: Quarantine) -> None:
        self.desk = desk
        self.quarantine = quarantine

    def describe(self) -> Iterator[Metric]:
        """Name what is collected without asking Redis."""
        yield CounterMetricFamily(JOBS.name, JOBS.meaning, labels=JOBS.labels)
        for declared in (LEDGER_UP, OPEN_JOBS, OLDEST_JOB, DEAD_JOBS, QUARANTINED):
            yield _family(declared)

    def collect(self) -> Iterator[Metric]:
        """Read the counters and the queues; of a ledger that is away, say that it is."""
        up = _family(LEDGER_UP)
        try:
            found = list(self._read())
        except ServiceAway:
            found = []
        up.add_metric((), 1 if found else 0)
        yield from (up, *found)

    def _read(self) -> Iterator[Metric]:
        jobs = CounterMetricFamily(JOBS.name, JOBS.meaning, labels=JOBS.labels)
        for name, count in self.desk.counts().items():
            jobs.add_metric(name.split(":", 2), count)
        yield jobs
        yield from self._queues()
        for declared, value in ((DEAD_JOBS, self.desk.dead_count()), (QUARANTINED, self.quarantine.count())):
            family = _family(declared)
            family.add_metric((), value)
            yield family

    def _queues(self) -> Iterator[Metric]:
        for declared, values in ((OPEN_JOBS, self.desk.open_jobs()), (OLDEST_JOB, self.desk.oldest_s())):
            family = _family(declared)
            for queue, value in values.items():
                family.add_metric((queue,), value)
            yield family


def _family(declared: Declared) -> GaugeMetricFamily:
    return GaugeMetricFamily(declared.name, declared.meaning, labels=declared.labels)
