"""What each benchmark has to reach, and what of it was missed; `make bench` and the README say both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct


class Target(Struct, frozen=True):
    """A figure of a result, by its dotted path, and the bound that it has to keep."""

    figure: str
    what: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def goal(self) -> str:
        """The bound in words."""
        return f"at most {self.at_most:,g}" if self.at_most is not None else f"at least {self.at_least:,g}"

    def is_met(self, measured: float) -> bool:
        """Tell whether a figure keeps the bound."""
        return (self.at_most is None or measured <= self.at_most) and (
            self.at_least is None or measured >= self.at_least
        )


class MeasuredTarget(Struct, frozen=True):
    """A target and what was measured."""

    target: Target
    measured: float

    @property
    def is_met(self) -> bool:
        """Whether the target was reached."""
        return self.target.is_met(self.measured)

    def __str__(self) -> str:
        word = "met" if self.is_met else "MISSED"
        return f"{word}: {self.target.what} {self.measured:,g} ({self.target.goal})"


#: What is wanted of a payload over HTTP: two answers of ThreatQ, 10 ms each, and 10 ms; of a worker's time for it.
_AT_EACH_RATE = tuple(
    target
    for rate in (10, 100, 1_000)
    for target in (
        Target(f"events_{rate}_per_s.p99_ms", f"p99 at {rate:,}/s, ms", at_most=30),
        Target(f"events_{rate}_per_s.worker_cpu_ms_per_payload", f"processor ms at {rate:,}/s", at_most=1),
    )
)

#: And of the time until a job is begun.
_UNTIL_BEGUN = tuple(
    Target(f"start_{rate}_per_s.{name}_ms", f"{name} until begun at {rate}/s, ms", at_most=most)
    for rate in (20, 300)
    for name, most in (("p50", 1.3), ("p99", 2.0))
)

#: By benchmark. Rates are those of a machine with 2 cores; a ratio is taken within one run.
TARGETS: Mapping[str, tuple[Target, ...]] = {
    "accept": (Target("ratio", "times a bare LPUSH", at_most=1.6),),
    "busy": (Target("round_trip_p95_ms", "p95 of a lookup beside a sync, ms", at_most=1_510),),
    "crash": (
        Target("ours.lost", "jobs lost", at_most=0),
        Target("ours.doubled", "jobs doubled", at_most=0),
    ),
    "delta": (
        Target("1000000.unchanged.calls", "calls of an unchanged run", at_most=5),
        Target("1000000.unchanged.seconds", "seconds of an unchanged run", at_most=1),
        Target("1000000.changed.percent_of_full_calls", "0.1 % changed, % of a full run's calls", at_most=2),
        Target("1000000.changed.percent_of_full_s", "0.1 % changed, % of a full run's seconds", at_most=2),
        Target(
            "1000000.full_listing_at_200_ms_a_page.seconds",
            "seconds of a full run at 200 ms a page",
            at_most=35,
        ),
        Target("1000000.redis.a_tenth_gone.mb_from_redis", "MB from Redis, a tenth gone", at_most=50),
    ),
    "events": (
        Target("calls_per_payload", "calls of ThreatQ a payload", at_most=0.06),
        Target("times_naive", "times the naive script", at_least=20),
        Target("times_celery_noop", "times Celery's empty tasks", at_least=1),
    ),
    "http": (
        Target("shim_per_s", "single payloads a second", at_least=15_000),
        Target("lines_payloads_per_s", "payloads a second by lines", at_least=70_000),
        Target("shim_of_bare", "times the bare app", at_least=0.7),
    ),
    "hostile": (
        Target("every_kind.p99_ms", "p99 beside 5,000 hostile connections, ms", at_most=100),
        Target("failed", "honest requests that failed", at_most=0),
    ),
    "knowngood": (Target("us_per_value", "µs a value", at_most=5),),
    "mapping": (Target("documents_per_s", "documents a second", at_least=5_000),),
    "latency": (
        *_AT_EACH_RATE,
        *_UNTIL_BEGUN,
        Target("idle_worker_percent", "% of a core, idle", at_most=1),
    ),
    "memory": (Target("after_each_2000_mb.4", "MB after 10,000 payloads", at_most=90),),
    "months": (Target("done_bytes", "bytes of a done job", at_most=700),),
    "peers": (Target("times_best", "times the best peer's rate", at_least=2),),
    "storm": (
        Target("lost", "firings lost", at_most=0),
        Target("doubled", "events too many", at_most=0),
        Target("calls_of_threatq", "calls of ThreatQ for 100,000 firings", at_most=100),
    ),
    "stub": (
        Target("stub_tcp_ms", "ms over TCP", at_most=12),
        Target("stub_tls_ms", "ms over TLS", at_most=20),
        Target("compiled_tcp_ms", "compiled, ms over TCP", at_most=5),
        Target("compiled_tls_ms", "compiled, ms over TLS", at_most=15),
    ),
    "sync": (
        Target("1000000.first_fill.times_bare", "first fill, times bare", at_most=1.5),
        Target("1000000.unchanged.times_bare", "no change, times bare", at_most=1.5),
        Target("1000000.changed.times_bare", "5 %/5 %, times bare", at_most=1.7),
        Target("1000000.worker_peak_mb", "MB of a worker", at_most=250),
        Target("1000000.killed.percent", "% of calls again after a kill", at_most=5),
    ),
    "sync_hosts": (Target("of_one_host", "three hosts, of one host's time", at_most=0.45),),
    "whitelist": (
        Target("undisturbed.p99_s", "p99, s", at_most=10),
        Target("killed.p99_s", "p99 through kills, s", at_most=10),
    ),
    "workers": (Target("workers_1.cpu_ms_per_payload", "ms of processor time a payload", at_most=1),),
}


def verdicts(name: str, result: Mapping[str, Any]) -> list[MeasuredTarget]:
    """Return what a result of a benchmark says of each of its targets.

    Raises KeyError or IndexError where the result lacks a figure that a target names.
    """
    return [MeasuredTarget(target, figure(result, target.figure)) for target in TARGETS.get(name, ())]


def figure(result: Any, path: str) -> float:
    """Return the figure at a dotted path; a number in it is a key, or a place in a list."""
    for step in path.split("."):
        result = result[int(step)] if isinstance(result, list) else result[step]
    return float(result)
