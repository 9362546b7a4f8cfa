"""An OpenTelemetry collector on a loopback port: what it is sent, read as the protocol's own classes read it."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.http_thread import QuietHandler, serving


class Collector:
    """`status` is what it answers; `spans` what it took, by trace id and span id in hex."""

    def __init__(self) -> None:
        self.status = 200
        self.url = ""
        self.services: set[str] = set()
        self.headers: list[dict[str, str]] = []
        self.refused = 0
        self._bodies: list[bytes] = []
        self._spans: list[Span] = []
        self._lock = Lock()

    @property
    def spans(self) -> list[Span]:
        """The spans in the order in which they came."""
        with self._lock:
            # Read here and not where they come: a sender waits for no reader.
            while self._bodies:
                self._read(self._bodies.pop(0))
            return list(self._spans)

    def of_trace(self, trace_id: str) -> list[Span]:
        """Return the spans of a trace, by their beginning."""
        spans = [span for span in self.spans if span.trace_id.hex() == trace_id]
        return sorted(spans, key=lambda span: span.start_time_unix_nano)

    def by_job(self) -> dict[str, list[Span]]:
        """Return the spans that name a job, and their siblings that wait for it, by the job."""
        jobs: dict[str, list[Span]] = defaultdict(list)
        for span in self.spans:
            if job := attributes(span).get("tq.job"):
                jobs[job].append(span)
        return dict(jobs)

    def take(self, body: bytes, headers: dict[str, str]) -> int:
        """Take a request and return the status of its answer."""
        with self._lock:
            if self.status != 200:
                self.refused += 1
                return self.status
            self.headers.append(headers)
            self._bodies.append(body)
            return 200

    def _read(self, body: bytes) -> None:
        request = ParseDict(_with_bytes(json.loads(body)), ExportTraceServiceRequest())
        for resource in request.resource_spans:
            names = {value.key: value.value.string_value for value in resource.resource.attributes}
            self.services.add(names["service.name"])
            for scope in resource.scope_spans:
                self._spans += scope.spans


def attributes(span: Span) -> dict[str, str]:
    """Return a span's attributes as texts."""
    return {pair.key: pair.value.string_value or str(pair.value.int_value) for pair in span.attributes}


def _with_bytes(value: Any) -> Any:
    """Write ids as protobuf's JSON has them: OTLP's has hex where that has base64."""
    if isinstance(value, dict):
        return {
            name: base64.b64encode(bytes.fromhex(inner)).decode()
            if name in ("traceId", "spanId", "parentSpanId")
            else _with_bytes(inner)
            for name, inner in value.items()
        }
    return [_with_bytes(inner) for inner in value] if isinstance(value, list) else value


@contextmanager
def running_collector(port: int = 0) -> Iterator[Collector]:
    """Run a collector."""
    collector = Collector()

    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(collector.take(body, dict(self.headers)))
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

    with serving(Handler, port=port) as collector.url:
        yield collector
