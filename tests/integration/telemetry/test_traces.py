"""Traces as a collector gets them: what was done for a job, below the sender's span, linked to rounds and attempts."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from redis import Redis

from sandbox.launch.redis_server import free_port
from tests.support.otlp import Collector, attributes, running_collector
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.scripted import Answer, Asked, scripted
from tests.support.waiting import until
from workers.consumer import QueueHandler, consume
from workers.core.errors import ConfigError, ServiceAway
from workers.core.jobs import Job
from workers.core.spans import ACCEPT, ATTEMPT, ref_of
from workers.events.handler import make_events
from workers.leases import Attempt, Leases
from workers.ledger import keys
from workers.ledger.accept import Accepted
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.records import Settlement, done
from workers.payload.options import DialectOptions
from workers.settings.model import Secret, Settings
from workers.telemetry.otlp import ENDING, SpanExporter, exporter_of
from workers.telemetry.traces import Tracer, accept_spans
from workers.threatq.service import connect

pytestmark = pytest.mark.integration

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

ACCEPTED = Accepted("0123456789abcdef01234567", created=True)


def exporter(url: str, **fields: Any) -> SpanExporter:
    return SpanExporter(Settings(otlp_endpoint=url, **fields), "test")


def event(name: str, trace: str = "") -> Job:
    payload = {"event_name": name, "event_type": "Sighting", "event_happened_at": "2024-03-01 10:00:00"}
    return Job("events.create", {"payload": payload}, producer="http", title=name, trace=trace)


def settle_all(attempt: Attempt) -> list[Settlement]:
    return [done(claim, {}) for claim in attempt.claims]


def trace_round(ledger: Ledger, spans: SpanExporter, handle: Any = settle_all) -> None:
    consume(QueueHandler("events", handle, 100), ledger, Leases(ledger), tracer=Tracer(spans))
    spans.close()


def test_a_jobs_spans_lie_below_the_senders_and_its_acceptance(ledger: Ledger, collector: Collector) -> None:
    # given
    spans, job = exporter(collector.url), event("one", TRACE)
    answers = ledger.accept([job])
    spans.add(accept_spans([job], answers, 1_000, 2_000))

    # when
    trace_round(ledger, spans)

    # then
    by_name = {span.name: span for span in collector.of_trace(TRACE[3:35])}
    accept, wait, attempt = by_name["accept"], by_name["queue wait"], by_name["events.create"]
    assert accept.parent_span_id.hex() == TRACE[36:52]
    assert wait.parent_span_id == attempt.parent_span_id == accept.span_id
    assert wait.end_time_unix_nano == attempt.start_time_unix_nano
    assert attributes(attempt) | {"tq.job": "", "tq.queue": ""} == {
        "tq.job": "",
        "tq.queue": "",
        "tq.entry": "http",
        "tq.attempt": "1",
        "tq.state": "done",
    }
    # A round of one job is part of the job's own trace.
    assert {by_name[name].parent_span_id for name in ("claim", "settle")} == {attempt.span_id}
    assert collector.services == {"tq-test"}


def test_a_round_of_several_jobs_is_a_trace_of_its_own_that_links_to_each_and_is_linked_by_each(
    ledger: Ledger, collector: Collector, threatq_sandbox: SandboxThreatQ
) -> None:
    threatq = connect(threatq_sandbox.settings())
    answers = ledger.accept([event("one", TRACE), event("two"), event("three")])

    trace_round(
        ledger, exporter(collector.url), lambda attempt: make_events(attempt, threatq, DialectOptions())
    )

    (root,) = [span for span in collector.spans if span.name == "round of events"]
    attempts = [span for span in collector.spans if span.name == "events.create"]
    assert {link.span_id for link in root.links} == {span.span_id for span in attempts}
    assert [[link.span_id for link in span.links] for span in attempts] == [[root.span_id]] * 3
    assert len({span.trace_id for span in (*attempts, root)}) == 4
    below = [span.name for span in collector.of_trace(root.trace_id.hex()) if span.parent_span_id]
    assert below[0] == "claim"
    assert below[-1] == "settle"
    assert "plan" in below
    assert "POST /api/events/consume" in below
    assert {answer.id for answer in answers} == set(collector.by_job())


def test_a_call_carries_the_trace_of_its_round_and_not_that_of_its_first_job(
    ledger: Ledger, collector: Collector
) -> None:
    from workers.core.trace import current_trace

    seen: list[str] = []

    def handle(attempt: Attempt) -> list[Settlement]:
        seen.append(current_trace.get())
        return settle_all(attempt)

    ledger.accept([event("one", TRACE), event("two")])
    trace_round(ledger, exporter(collector.url), handle)

    (root,) = [span for span in collector.spans if span.name == "round of events"]
    assert seen == [f"00-{root.trace_id.hex()}-{root.span_id.hex()}-01"]


def test_a_redelivery_links_to_the_attempt_before_it_whichever_worker_made_that(
    ledger: Ledger, redis: Redis, collector: Collector
) -> None:
    (answer,) = ledger.accept([event("one")])

    def away(attempt: Attempt) -> list[Settlement]:
        attempt.begin()
        raise ServiceAway("threatq", "away")

    trace_round(ledger, exporter(collector.url), away)
    redis.delete(keys.away("threatq"))
    redis.zadd(keys.due("events"), {answer.id: 0})
    trace_round(ledger, exporter(collector.url))

    first, second = collector.by_job()[answer.id]
    assert [attributes(span)["tq.state"] for span in (first, second)] == ["waiting", "done"]
    assert [link.span_id for link in second.links] == [first.span_id]
    assert first.span_id.hex() == ref_of(answer.id, "", ATTEMPT, 1).span_id


def test_a_job_without_a_senders_trace_has_one_of_its_own() -> None:
    job_id = "0123456789abcdef01234567"

    ref = ref_of(job_id, "", ACCEPT)

    assert (ref.trace_id, ref.span_id) == ("0123456789abcdef0123456701234567", "0123456789ab001a")


def test_while_the_collector_is_away_spans_wait_and_work_goes_on(ledger: Ledger, admin: LedgerAdmin) -> None:
    port = free_port()
    spans = exporter(f"http://127.0.0.1:{port}")
    ledger.accept([event("one")])

    consume(QueueHandler("events", settle_all, 100), ledger, Leases(ledger), tracer=Tracer(spans))

    assert not any(admin.open_jobs().values())
    with running_collector(port) as collector:
        until(collector.by_job)
    spans.close()


def test_what_a_killed_process_had_not_sent_yet_is_sent_by_another_of_the_machine(
    ledger: Ledger, collector: Collector, tmp_path: Path
) -> None:
    # given: spans on disk whose process is gone, the last of them cut off
    left = tmp_path / f"1-killed{ENDING}"
    left.write_bytes(
        b'{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"left",'
        b'"startTimeUnixNano":"1","endTimeUnixNano":"2"}\n{"traceId":"0af7'
    )

    # when
    spans = exporter(collector.url, otlp_dir=str(tmp_path))
    spans.start()

    # then
    until(lambda: [span.name for span in collector.spans] == ["left"])
    spans.close()
    assert list(tmp_path.iterdir()) == []


def test_what_waits_on_disk_belongs_to_its_process_while_that_lives(
    collector: Collector, tmp_path: Path
) -> None:
    collector.status = 503
    first = exporter(collector.url, otlp_dir=str(tmp_path))
    first.add(accept_spans([event("one")], [ACCEPTED], 1, 2))
    until(lambda: collector.refused)

    other = exporter(collector.url, otlp_dir=str(tmp_path))
    other.start()
    other.close()
    waiting = len(list(tmp_path.iterdir()))
    collector.status = 200
    first.close()

    assert waiting == 1
    assert len(collector.spans) == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_refused_while_the_exporter_closes_is_sent_once_more() -> None:
    def refuses_once(_asked: Asked) -> Answer:
        if len(collector.asked) > 1:
            return Answer()
        closing.start()
        until(lambda: spans._over)
        return Answer(status=503)

    with scripted(refuses_once) as collector:
        spans = exporter(collector.url)
        closing = Thread(target=spans.close)
        spans.add(accept_spans([event("one")], [ACCEPTED], 1, 2))
        spans._soon.set()
        until(lambda: len(collector.asked) > 1)
        closing.join()
    assert len(collector.asked) == 2


def test_headers_for_the_collector_go_along(collector: Collector) -> None:
    spans = exporter(collector.url, otlp_headers=Secret("Authorization=Bearer abc, X-Scope=tq"))
    spans.add(accept_spans([event("one")], [ACCEPTED], 1, 2))
    spans.close()

    assert (collector.headers[0]["Authorization"], collector.headers[0]["X-Scope"]) == ("Bearer abc", "tq")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"otlp_endpoint": "collector:4318"}, "is no address"),
        (
            {"otlp_endpoint": "http://collector.example:4318", "otlp_headers": Secret("a=b")},
            "would send otlp_headers in the clear",
        ),
    ],
)
def test_settings_that_cannot_be_used_are_named_and_stop_no_worker(
    fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        SpanExporter(Settings(**fields), "test")
    assert exporter_of(Settings(**fields), "test") is None


def test_without_a_collector_nothing_is_made() -> None:
    assert exporter_of(Settings(), "test") is None
