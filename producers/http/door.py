"""What the HTTP door holds while it is open, and what every handler needs of it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response

from producers.http.attempts import Attempts
from producers.http.headers import header
from producers.http.limits import Buckets
from producers.http.problems import Problem, come_later
from producers.http.tokens import Caller, Tokens, permitted
from producers.http.waiters import Waiters
from workers import metrics
from workers.config import Settings
from workers.intake import Intake, from_settings
from workers.ledger.async_ledger import AsyncLedger
from workers.ledger.connect import connect, connect_async
from workers.ledger.desk import Desk
from workers.ledger.quarantine import Quarantine
from workers.ledger.replicas import Replicas
from workers.meters import LedgerCollector
from workers.payload.options import DialectOptions
from workers.payload.options import from_settings as dialect_from
from workers.traceparent import read_traceparent

#: Seconds that Redis gets for one answer; NiFi waits 15.
REDIS_WITHIN_S = 2.0

#: Characters of an Idempotency-Key.
_MOST_KEY = 255

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")

_encoder = msgspec.json.Encoder()


class Door:
    """Made once from the settings; connections are made when they are first used."""

    def __init__(self, settings: Settings, tokens: Tokens) -> None:
        self.settings = settings
        self.tokens = tokens
        self.intake: Intake = from_settings(settings, "http")
        self.dialect: DialectOptions = dialect_from(settings)
        self.ledger = AsyncLedger(
            connect_async(settings.redis_url, answer_timeout_s=REDIS_WITHIN_S),
            most_open=settings.max_open_jobs,
            most_memory_percent=settings.memory_percent,
            most_quarantined=settings.max_quarantined,
            keep_s=settings.keep_done_s,
            replicas=Replicas(settings.accept_replicas, settings.accept_wait_ms),
        )
        reading = connect(settings.redis_url, answer_timeout_s=REDIS_WITHIN_S)
        self.desk = Desk(reading)
        self.meters = Meters(LedgerCollector(self.desk, Quarantine(reading)))
        self.waiters = Waiters(self.desk)
        per_s = settings.http_requests_per_s
        self.rates = Buckets(per_s=per_s, burst=2 * per_s)
        self.attempts = Attempts()
        self.draining = False
        self.in_hand = 0
        self.meters.in_hand.set_function(lambda: self.in_hand)


class Meters:
    """The door's own metrics."""

    def __init__(self, ledger: LedgerCollector) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(ledger)
        self.requests = metrics.counter(self.registry, metrics.HTTP_REQUESTS)
        self.seconds = metrics.histogram(self.registry, metrics.HTTP_SECONDS)
        self.in_hand = metrics.gauge(self.registry, metrics.HTTP_IN_HAND)
        self.bytes = metrics.counter(self.registry, metrics.HTTP_BYTES)
        self.duplicates = metrics.counter(self.registry, metrics.HTTP_DUPLICATES)
        # Finding a metric by its labels costs more than counting.
        self.counting = cache(lambda *labels: self.requests.labels(*labels).inc)
        self.timing = cache(lambda route: self.seconds.labels(route).observe)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count and time a request."""
        self.counting(method, route, str(status))()
        self.timing(route)(seconds)


#: Answers a request of somebody who may make it.
Handle = Callable[[Door, Request, Caller], Awaitable[Response]]


def only_for(scope: str, handle: Handle) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that lets only callers with `scope` through to `handle`."""

    async def endpoint(request: Request) -> Response:
        door: Door = request.app.state.door
        caller = permitted(_caller(door, request), scope)
        if wait_s := door.rates.take(caller.name):
            text = f"the token {caller.name} is used too often (TQ_HTTP_REQUESTS_PER_S); send this again"
            raise come_later("too_fast", text, wait_s, status=door.settings.http_busy_status)
        return await handle(door, request, caller)

    return endpoint


def _caller(door: Door, request: Request) -> Caller | None:
    shown, address = header(request, b"authorization"), peer(request)
    caller = door.tokens.find(shown)
    # Many clients show their token only once they were asked for it.
    if not shown or door.attempts.is_proven(address, caller):
        return caller
    if wait_s := door.attempts.take(address, caller):
        text = "too many wrong tokens came from this address; send this again"
        raise come_later("too_many_attempts", text, wait_s, status=door.settings.http_busy_status)
    return caller


def peer(request: Request) -> str:
    """Return the address that a request came from."""
    return request.client.host if request.client else "?"


def answer(body: Any, status: int = 200) -> Response:
    """Return `body`, a struct, as JSON."""
    return Response(_encoder.encode(body), status, media_type="application/json")


def flag(request: Request, name: str) -> bool:
    """Return a switch in the query; raises Problem for anything but true and false."""
    if not request.scope["query_string"]:
        return False
    value = request.query_params.get(name, "false").lower()
    if value not in ("true", "false", "1", "0", ""):
        raise Problem(400, "bad_query", f"{name} must be true or false")
    return value in ("true", "1")


def sender_key(request: Request, caller: Caller) -> str:
    """Return what the sender calls this request, apart from what other senders call theirs; "" for nothing."""
    text = header(request, b"idempotency-key").strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if len(text) > _MOST_KEY or not text.isascii() or not text.isprintable():
        raise Problem(400, "bad_key", f"Idempotency-Key must be ASCII text of at most {_MOST_KEY} characters")
    return f"http:{caller.name}:{text}" if text else ""


def trace(request: Request) -> str:
    """Return the W3C trace context of a request, or "" for none that can be read."""
    return read_traceparent(header(request, b"traceparent"))


def request_id(request: Request) -> str:
    """Return the sender's X-Request-Id if it is one that may stand in a log, else ""."""
    text = header(request, b"x-request-id")
    return text if _REQUEST_ID.fullmatch(text) else ""
