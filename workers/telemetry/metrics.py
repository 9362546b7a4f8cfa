"""Every metric that we give out, declared here and nowhere else; docs/metrics.md is made from it."""

from __future__ import annotations

import sys
from typing import Literal

from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

#: A counter only rises and is shown with `_total`; a histogram is shown as `_bucket`, `_sum` and `_count`.
Kind = Literal["counter", "gauge", "histogram"]


class Declared(Struct, frozen=True):
    """A metric: its name, its kind, what it means, what to do about it, and its labels."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    do: str = ""

    @property
    def shown(self) -> tuple[str, ...]:
        """The names under which Prometheus knows it."""
        if self.kind == "counter":
            return (f"{self.name}_total",)
        if self.kind == "histogram":
            return tuple(f"{self.name}_{part}" for part in ("bucket", "sum", "count"))
        return (self.name,)


#: Read from the ledger at each scrape: each worker and the HTTP entry point serve the same.
LEDGER = (
    LEDGER_UP := Declared(
        "tq_ledger_up",
        "gauge",
        "1 while the ledger's Redis answers, else 0.",
        do="On 0: is Redis running? tqctl check names what is wrong. Producers spool or refuse meanwhile.",
    ),
    JOBS := Declared(
        "tq_jobs",
        "counter",
        "Jobs by what happened to them since the ledger began: event (accepted, done, dead, refused, which is told to "
        "who asked, waiting, which is a retry, replayed, quarantined; of those that are done, joined, which share the "
        "event of another, and limited), kind of job and producer.",
        ("event", "kind", "door"),
        do="When dead rises: tqctl dead list.",
    ),
    JOB_SECONDS := Declared(
        "tq_job_seconds",
        "histogram",
        "Seconds from a job's acceptance until it was done, all waits and attempts included, by kind and entry (the "
        "producer).",
        ("kind", "entry"),
        do="When it grows: tq_queue_seconds tells whether jobs wait for workers, tq_remote_call_seconds whether a "
        "platform is slow, tqctl status whether one was away.",
    ),
    OPEN_JOBS := Declared(
        "tq_open_jobs",
        "gauge",
        "Jobs that are accepted and neither done nor dead.",
        ("queue",),
        do="When it grows for long: more worker threads, or find out what is away (tqctl status).",
    ),
    READY_JOBS := Declared(
        "tq_ready_jobs", "gauge", "Open jobs that wait for nothing but a worker.", ("queue",)
    ),
    OLDEST_JOB := Declared(
        "tq_oldest_job_seconds",
        "gauge",
        "Age of the open job that is due first.",
        ("queue",),
        do="When it grows: is a worker there for the queue, is ThreatQ away, is the connector enabled?",
    ),
    PAUSED := Declared(
        "tq_queue_paused", "gauge", "1 for a queue that an operator has paused, else 0.", ("queue",)
    ),
    QUEUE_WAITS := Declared(
        "tq_queue_waits",
        "gauge",
        "1 while no job of a queue, or of one kind in it, can be done as things are set (a connector is disabled, a "
        "setting is wrong), else 0.",
        ("queue",),
        do="tqctl status tells the reason; the jobs go on by themselves within half a minute of its mend.",
    ),
    NEEDS_NEWER := Declared(
        "tq_queue_needs_newer",
        "gauge",
        "1 while jobs of a queue wait for a newer worker, as those that run do not know them, else 0.",
        ("queue",),
        do="tqctl status tells what they do not know: update the workers of the queue; the jobs go on by themselves.",
    ),
    WORKERS := Declared(
        "tq_workers",
        "gauge",
        "Workers that consume a queue and have given a sign of life in the last 15 seconds.",
        ("queue",),
        do="On 0: start one; tqctl status shows which there are and when each was last heard of.",
    ),
    STANDS_STILL := Declared(
        "tq_queue_stands_still",
        "gauge",
        "1 while a queue with jobs does nothing (paused, its service away, a setting wrong, jobs that no worker "
        "takes) or has no worker, else 0.",
        ("queue",),
        do="tqctl status tells which of these, and what to do.",
    ),
    DEAD_JOBS := Declared(
        "tq_dead_jobs",
        "gauge",
        "Dead letters that wait for an operator.",
        do="tqctl dead list, then edit, replay or drop.",
    ),
    QUARANTINED := Declared(
        "tq_quarantined",
        "gauge",
        "Items that no producer could read and that wait for an operator.",
        do="tqctl dead list shows them too.",
    ),
    QUARANTINED_BYTES := Declared(
        "tq_quarantined_bytes",
        "gauge",
        "Bytes that they take in Redis, compressed.",
        do="Above max_quarantined_bytes producers refuse what they cannot read: drop them, correct their sender.",
    ),
    INGEST_BYTES := Declared(
        "tq_ingest_bytes",
        "gauge",
        "Bytes of what waits for the Redis bridge; absent while the Redis that it reads does not answer.",
        do="Nothing bounds what others push: is tq-redis-bridge running? Its log says what it waits for.",
    ),
    INGEST_UP := Declared(
        "tq_ingest_up",
        "gauge",
        "1 while the Redis that the bridge reads answers, else 0; absent where it is the ledger's own.",
        do="On 0: is it running, and is TQ_INGEST_REDIS_URL right? Nothing can be pushed meanwhile. See tqctl check.",
    ),
    INGEST_MEMORY := Declared(
        "tq_ingest_memory_ratio",
        "gauge",
        "Share of that Redis' maxmemory in use, 0 to 1; absent without maxmemory, and where it is the ledger's own.",
        do="At 1 it refuses what is pushed: is tq-redis-bridge running? Raise its maxmemory.",
    ),
    SERVICE_AWAY := Declared(
        "tq_service_away",
        "gauge",
        "1 while the breaker of a service (threatq, logrhythm) is open, that is while no worker calls it, else 0.",
        ("service",),
        do="tqctl status tells the reason; jobs wait and lose nothing.",
    ),
    GROUPS := Declared(
        "tq_groups",
        "gauge",
        "Groups of firings that share an event and are kept.",
        do="Near max_groups: does group_by name a field that differs in each firing? tqctl jobs show tells the group.",
    ),
    LIMITED_SOURCES := Declared(
        "tq_limited_sources",
        "gauge",
        "Sources of which firings above their limit (rate_limits) are counted in one event now.",
        do="tqctl status names them and the event. See what the source sends so often, or raise its limit.",
    ),
    UPKEEP_SILENT := Declared(
        "tq_upkeep_silent_seconds",
        "gauge",
        "Seconds since upkeep last looked at what is due; absent if it never did.",
        do="Above a minute: start beat, and a worker for the queue upkeep.",
    ),
    MEMORY := Declared(
        "tq_redis_memory_ratio",
        "gauge",
        "Share of Redis' maxmemory in use, 0 to 1; absent without maxmemory.",
        do="Above memory_percent producers refuse: tqctl check names what fills it, and what frees that.",
    ),
    SYNC_AGE := Declared(
        "tq_sync_age_seconds",
        "gauge",
        "Seconds since a run of the list sync ended without an error.",
        ("collection",),
        do="When it exceeds the interval twice: tqctl status tells whether a run waits and why, tqctl sync history "
        "what became of the others.",
    ),
    SYNC_FULL_AGE := Declared(
        "tq_sync_full_age_seconds",
        "gauge",
        "Seconds since a run of the list sync that read everything ended without an error.",
        ("collection",),
        do="When it exceeds sync_full_interval_s twice: tqctl sync history tells what became of the runs.",
    ),
    SYNC_WAITS := Declared(
        "tq_sync_waiting_seconds",
        "gauge",
        "Seconds for which the run of a collection has come no further; absent where none waits.",
        ("collection",),
        do="tqctl status tells since when, which call fails and what was answered; no other run starts meanwhile.",
    ),
    SYNC_ENTRIES := Declared(
        "tq_list_entries",
        "gauge",
        "Entries of a LogRhythm list after the last run.",
        ("collection", "list"),
    ),
    SYNC_CHANGES := Declared(
        "tq_sync_last_changes",
        "gauge",
        "What the last run did to a list, by change (adds, deletes, held, left_out).",
        ("collection", "list", "change"),
    ),
    SYNC_FAILED := Declared(
        "tq_sync_failed_lists",
        "gauge",
        "Lists that the last run could not bring up to date.",
        ("collection",),
        do="tqctl sync history --lists names the list and the reason.",
    ),
    SYNC_HELD := Declared(
        "tq_sync_held_plans",
        "gauge",
        "Deletes that wait until they are approved.",
        do="tqctl sync held shows them; tqctl sync approve, or correct the collection.",
    ),
    SYNC_ABANDONED := Declared(
        "tq_sync_abandoned_lists",
        "gauge",
        "Lists of ours in LogRhythm that no data collection feeds any more and that go on alarming.",
        do="tqctl lists show names them; tqctl lists retire --abandoned empties and retires them.",
    ),
)

#: Measured by each worker of its own work.
WORKER = (
    QUEUE_SECONDS := Declared(
        "tq_queue_seconds",
        "histogram",
        "Seconds from a job's acceptance to each time it was claimed, by this machine's clock.",
        ("kind",),
        do="When it grows while nothing is away: more workers or threads.",
    ),
    RUN_SECONDS := Declared(
        "tq_run_seconds",
        "histogram",
        "Seconds from claim to settlement of what was worked on together.",
        ("queue",),
    ),
    REMOTE_SECONDS := Declared(
        "tq_remote_call_seconds",
        "histogram",
        "Seconds that a call to a platform took, by operation (method and path, ids as {id}) and HTTP status "
        "(0: no answer); its count is the number of calls.",
        ("platform", "operation", "status"),
        do="Status 429 or 5xx: the platform is overloaded; 401 or 403: see tqctl check.",
    ),
)

#: Measured by the HTTP entry point.
PRODUCER = (
    HTTP_REQUESTS := Declared(
        "tq_http_requests", "counter", "Requests at the HTTP entry point.", ("method", "route", "status")
    ),
    HTTP_SECONDS := Declared(
        "tq_http_request_seconds", "histogram", "Seconds from a request's head to its answer.", ("route",)
    ),
    HTTP_IN_HAND := Declared("tq_http_requests_in_hand", "gauge", "Requests that are being answered."),
    HTTP_CONNECTIONS := Declared("tq_http_connections", "gauge", "Open connections of the HTTP entry point."),
    HTTP_CLOSED := Declared(
        "tq_http_connections_closed",
        "counter",
        "Connections that the HTTP entry point closed by itself, or forms that it gave up.",
        ("reason",),
        do="too_many, too_many_of_address: see where they come from in the log; raise TQ_HTTP_MAX_CONNECTIONS only "
        "if they are yours.",
    ),
    HTTP_SSO_IGNORED := Declared(
        "tq_http_sign_on_ignored",
        "counter",
        "Requests that named a user of a single sign-on and were not believed.",
        ("reason",),
        do="untrusted_address: the log names it; is it your proxy, which TQ_HTTP_TRUSTED_PROXIES lacks? header_twice: "
        "let the proxy overwrite both headers.",
    ),
    HTTP_BYTES := Declared("tq_http_received_bytes", "counter", "Bytes of request bodies, inflated."),
    HTTP_DUPLICATES := Declared(
        "tq_http_duplicates", "counter", "Payloads that had been accepted before.", ("token",)
    ),
)

#: All of them.
ALL = (*LEDGER, *WORKER, *PRODUCER)

#: Upper bounds in seconds: an accept takes a few milliseconds, a job that waits out an outage hours.
_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)


def counter(registry: CollectorRegistry, declared: Declared) -> Counter:
    """Return a counter that `registry` gives out."""
    return Counter(declared.name, declared.meaning, declared.labels, registry=registry)


def gauge(registry: CollectorRegistry, declared: Declared) -> Gauge:
    """Return a gauge that `registry` gives out; that of several processes is the sum of those that live."""
    return Gauge(
        declared.name, declared.meaning, declared.labels, registry=registry, multiprocess_mode="livesum"
    )


def histogram(registry: CollectorRegistry, declared: Declared) -> Histogram:
    """Return a histogram of seconds that `registry` gives out."""
    return Histogram(declared.name, declared.meaning, declared.labels, registry=registry, buckets=_BOUNDS)


def family(declared: Declared) -> GaugeMetricFamily | CounterMetricFamily:
    """Return what a collector fills with the values of one moment."""
    make = CounterMetricFamily if declared.kind == "counter" else GaugeMetricFamily
    return make(declared.name, declared.meaning, labels=declared.labels)


def histogram_family(declared: Declared) -> HistogramMetricFamily:
    """Return the same for a histogram that is counted elsewhere."""
    return HistogramMetricFamily(declared.name, declared.meaning, labels=declared.labels)


_HEAD = """\
# Metrics

Made from `workers/telemetry/metrics.py` by `make docs`; a test fails when the two differ.

Each worker serves its metrics where `TQ_METRICS_PORT` names a port; the HTTP entry point serves them at `/metrics` to a
token with the scope `read`. `deploy/monitoring/` holds a dashboard for Grafana and alert rules for Prometheus.
"""

_PARTS = (
    (
        "What the ledger knows",
        "The same from each worker and from the HTTP entry point; take `max`, not `sum`.",
        LEDGER,
    ),
    ("Each worker's own work", "Add them up over the workers.", WORKER),
    ("The HTTP entry point", "Add them up over the producers.", PRODUCER),
)


def table() -> str:
    """Return the page as Markdown."""
    lines = [_HEAD]
    for title, remark, declared in _PARTS:
        lines += [f"## {title}\n", f"{remark}\n", "| metric | kind | labels | meaning | what to do |"]
        lines += ["|---|---|---|---|---|", *map(_row, declared), ""]
    return "\n".join(lines).rstrip() + "\n"


def _row(metric: Declared) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    name = metric.shown[0].removesuffix("_bucket")
    return f"| `{name}` | {metric.kind} | {labels} | {metric.meaning} | {metric.do} |"


if __name__ == "__main__":
    sys.stdout.write(table())
