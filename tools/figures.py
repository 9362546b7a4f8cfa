"""The README's figures, made from what `make bench` measured: `python -m tools.figures` rewrites the table."""

from __future__ import annotations

import re
from typing import Any

from benchmarks.targets import verdicts
from tools.results import ROOT, is_measured
from tools.results import result as measured

README = ROOT / "README.md"

#: Where the table stands in the README.
PLACE = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- end of figures -->)", re.DOTALL)

#: What is said of each benchmark, with the names of its results.
SENTENCES = {
    "events": (
        "payloads become events with 3 indicators each; ThreatQ answers in 10 ms",
        "{payloads_per_s:,} payloads/s, {times_naive:g} times a script of 8 threads that makes one call for each "
        "object; {calls_per_payload:g} calls a payload; {times_celery_noop:g} times the rate at which Celery works off "
        "empty tasks",
    ),
    "latency": (
        "from HTTP to ThreatQ at 10, 100 and 1,000 payloads/s (open loop); ThreatQ answers in 10 ms",
        "p50 {events_10_per_s[p50_ms]:g}, {events_100_per_s[p50_ms]:g} and {events_1000_per_s[p50_ms]:g} ms, p99 "
        "{events_10_per_s[p99_ms]:g}, {events_100_per_s[p99_ms]:g} and {events_1000_per_s[p99_ms]:g} ms; "
        "{events_10_per_s[worker_cpu_ms_per_payload]:g}, {events_100_per_s[worker_cpu_ms_per_payload]:g} and "
        "{events_1000_per_s[worker_cpu_ms_per_payload]:g} ms of a worker's processor time; an idle one "
        "{idle_worker_percent:g} % of a core",
    ),
    "restart": (
        "the same right after a restart of Redis, while first attempts look for their event (120 s)",
        "{restarted[payloads_per_s]:,} payloads/s and {restarted[calls_per_payload]:g} calls a payload, where it is "
        "{usual[payloads_per_s]:,} and {usual[calls_per_payload]:g} at other times",
    ),
    "workers": (
        "the same with 1, 2 and 4 worker processes, against a stub of ThreatQ that answers in 10 ms",
        "{workers_1[payloads_per_s]:,}, {workers_2[payloads_per_s]:,} and {workers_4[payloads_per_s]:,} payloads/s; "
        "{workers_1[cpu_ms_per_payload]:g} ms of processor time a payload",
    ),
    "peers": (
        "a job that does nothing, enqueued one by one: tq-workers beside Celery, Dramatiq, Taskiq, SAQ, streaQ, arq, "
        "Huey and RQ ([all of them](docs/explanation/performance.md))",
        "{tq_workers[jobs_per_s]:,} jobs/s, {times_best:g} times the best of the others ({best}); begun after "
        "{tq_workers[start_20_per_s][p50_ms]:g} ms at 20/s (p99 {tq_workers[start_20_per_s][p99_ms]:g})",
    ),
    "accept": (
        "a job is accepted: ledger, index and wake-up",
        "{accept_ms:g} ms, {ratio:g} times a bare LPUSH of the same body",
    ),
    "conditions": (
        "the same with `appendfsync always`, with a replica that confirms, and by TLS; with 1,000,000 jobs waiting; a "
        "payload of 1 MB",
        "{redis[appendfsync_always][times_usual]:g}, {redis[one_replica_confirms][times_usual]:g} and "
        "{redis[tls][times_usual]:g} times what it takes else; {depth[jobs_1000000][accept_ms]:g} ms, where it is "
        "{depth[jobs_0][accept_ms]:g} with none; {payload[bytes_1000000][accept_ms]:g} ms, and "
        "{payload[bytes_1000000][worker_cpu_ms]:g} ms of a worker's processor time",
    ),
    "memory": (
        "a worker's memory",
        "{idle_mb:g} MB idle, {after_each_2000_mb[4]:g} MB after 10,000 payloads",
    ),
    "months": (
        "bytes of Redis a job takes with the guide's payload: open, done, and when only its marker is left; ninety "
        "days at one job a second, {jobs:,} jobs, on a Redis of 1 GB",
        "{open_bytes:,}, {done_bytes:,} and {marker_bytes:g} bytes; at most {most_percent:g} % of the memory, flat "
        "after the retention, no job refused",
    ),
    "crash": (
        "900 jobs, the worker killed (-9) 20 times",
        "tq-workers: {ours[done]} done, {ours[lost]} lost, {ours[doubled]} doubled; plain Celery with `acks_late`: "
        "{plain_celery_acks_late[done]} done, {plain_celery_acks_late[lost]} lost, "
        "{plain_celery_acks_late[extra_runs]} run twice",
    ),
    "storm": (
        "one detection fires {firings:,} times through every entry; workers are killed (-9) {kills_of_workers} times "
        "and Redis {kills_of_redis} times",
        "one event that counts {counted:,}; {lost} lost, {doubled} doubled; {calls_of_threatq} calls to ThreatQ",
    ),
    "http": (
        "payloads over HTTP, one a request",
        "{shim_per_s:,}/s, {shim_of_bare:g} times the rate of a bare app that only decodes and pushes; "
        "{lines_payloads_per_s:,}/s with 100 payloads in a request",
    ),
    "stub": (
        "a Smart Response command, from its start until the job is accepted",
        "{stub_tcp_ms:g} ms over TCP, {stub_tls_ms:g} over TLS, {ratio_tcp:g} and {ratio_tls:g} times `python -c "
        "pass`; compiled {compiled_tcp_ms:g} and {compiled_tls_ms:g} ms; with the outcome, p95 "
        "{round_trip_above_threatq_p95_ms:g} ms beyond ThreatQ's own time",
    ),
    "busy": (
        "the same while {indicators:,} indicators are synced on the same machine",
        "a lookup with its outcome: p50 {round_trip_p50_ms:g} ms, p95 {round_trip_p95_ms:g} ms",
    ),
    "sync": (
        "sync of 1,000,000 indicators: no change; 5 % added and 5 % removed; first fill",
        "{million[unchanged][times_bare]:g}, {million[changed][times_bare]:g} and "
        "{million[first_fill][times_bare]:g} times a loop that only transfers the same data; "
        "{million[unchanged][write_calls]}, {million[changed][write_calls]} and "
        "{million[first_fill][write_calls]:,} write calls; a worker at most {million[worker_peak_mb]:g} MB",
    ),
    "delta": (
        "a delta run beside a full one of 1,000,000 indicators: no change; one in a thousand changed",
        "{million[unchanged][calls]} calls and {million[unchanged][seconds]:g} s; {million[changed][calls]} calls of "
        "{million[full][calls]:,} and {million[changed][percent_of_full_cpu_s]:g} % of the processor time; "
        "{million[redis][changed][mb_from_redis]:g} MB from Redis",
    ),
    "sync_hosts": (
        "{collections} data collections of {indicators:,} on three hosts, {page_ms} ms a page; one of two hosts killed "
        "(-9)",
        "{of_one_host:g} of the time of one host, {hosts_3[pages]} pages read of {hosts_3[pages_needed]}; "
        "{killed[pages]} pages read of {killed[pages_needed]}",
    ),
    "whitelist": (
        "{indicators:,} indicators are synced; meanwhile 400 are whitelisted, and workers are killed (-9)",
        "out of LogRhythm's lists after {undisturbed[median_s]:g} s, 99 % within {undisturbed[p99_s]:g} s; with "
        "{killed[kills]} kills 99 % within {killed[p99_s]:g} s",
    ),
}


def main() -> None:
    """Rewrite the table."""
    README.write_text(replaced(README.read_text()))


def replaced(readme: str) -> str:
    """Return `readme` with the figures that there are."""
    return PLACE.sub(lambda _: table(), readme)


def table() -> str:
    """Return the table: a row for each benchmark that has a result."""
    rows = [row(name) for name in SENTENCES if is_measured(name)]
    return "\n".join(["| what | measured | goals | machine |", "|---|---|---|---|", *rows, ""])


def row(name: str) -> str:
    """Return the row of one benchmark."""
    result = measured(name)
    # A format takes a name of digits for a position.
    result["million"] = result.get("1000000")
    what, sentence = SENTENCES[name]
    machine = result["machine"]
    where = f"{machine['cores']} cores at load {machine['load']:g}, Python {machine['python']}"
    return f"| {what.format(**result)} | {sentence.format(**result)} | {goals(name, result)} | {where} |"


def goals(name: str, result: dict[str, Any]) -> str:
    """Return what became of a benchmark's goals: each that was missed is named."""
    found = verdicts(name, result)
    missed = [
        f"{verdict.target.what}: {verdict.measured:,g} ({verdict.target.goal})"
        for verdict in found
        if not verdict.is_met
    ]
    return f"**missed**: {'; '.join(missed)}" if missed else "met" if found else "–"


if __name__ == "__main__":
    main()
