"""What the HTTP entry point has while it is open, and what every handler needs of it."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from difflib import get_close_matches
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import msgspec
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from msgspec.structs import replace
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response

from producers.http.audit import Behind, Refusals, TokenUses
from producers.http.auth import Attempts, Buckets
from producers.http.connections import CONNECTION, Connections
from producers.http.pools import Forms, PageThreads, Turns
from producers.http.problems import Problem, come_later
from producers.http.processes import exposed
from producers.http.request import Bodies, header
from producers.http.rotation import TokenFiles
from producers.http.single_sign_on import SingleSignOn
from producers.http.tokens import ApiTokens, TokenHolder, permitted
from workers.core.errors import ServiceAway
from workers.core.jobs import Job
from workers.core.trace import read_traceparent
from workers.ledger.accept import Accepted, Replicas
from workers.ledger.acts import Actor
from workers.ledger.admin import LedgerAdmin
from workers.ledger.async_ledger import AsyncLedger
from workers.ledger.audit import Audit
from workers.ledger.connection import connect, connect_async, follow_async
from workers.ledger.ingest import ingest_redis
from workers.ledger.known_jobs import KnownJob
from workers.ledger.known_names import UNKNOWN, KnownNames, names_flow
from workers.ledger.quarantine import Quarantine, limits_of
from workers.ledger.records import Entry
from workers.ledger.sealing import use_keys
from workers.ledger.told_assets import told_flow
from workers.payload.intake import Intake, from_settings
from workers.payload.options import DialectOptions
from workers.payload.options import from_settings as dialect_from
from workers.settings.model import Settings
from workers.telemetry import metrics
from workers.telemetry.collector import LedgerCollector
from workers.telemetry.otlp import exporter_of
from workers.telemetry.traces import accept_spans

if TYPE_CHECKING:
    from workers.ledger.accept import Flow, T

#: Seconds that Redis gets for one answer; NiFi waits 15.
REDIS_WITHIN_S = 2.0

#: Seconds that it gets for what a request can do without.
LOOK_UP_WITHIN_S = 1.0

#: Characters of an Idempotency-Key.
_MOST_KEY = 255

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")

_encoder = msgspec.json.Encoder()

#: Requests that may wait at a time; each keeps a thread. Further ones are answered at once.
MOST_WAITING = 32

#: Seconds for which the event types that were read are used.
NAMES_KEPT_S = 5.0

#: Where a request's scope carries the holder of the token that it shows, None for none that is known.
HOLDER = "tq.holder"

#: Where it carries what the request is called in its answer and in the log.
REQUEST_ID = "tq.request_id"


class HttpContext:
    """Made once from the settings; connections are made when they are first used."""

    def __init__(self, settings: Settings, tokens: ApiTokens, *, most_connections: int | None = None) -> None:
        self.settings = settings
        self.tokens = tokens
        self.token_files: TokenFiles | None = None
        self.intake: Intake = from_settings(settings, "http")
        self._look_again_s = 0.0
        self.dialect: DialectOptions = dialect_from(settings)
        self.ledger = AsyncLedger(
            connect_async(settings.redis_url, answer_timeout_s=REDIS_WITHIN_S),
            most_open=settings.max_open_jobs,
            most_memory_percent=settings.memory_percent,
            quarantine=limits_of(settings),
            keep_s=settings.keep_bodies_s,
            replicas=Replicas(settings.accept_replicas, settings.accept_wait_ms),
        )
        use_keys(settings.encryption_keys_file)
        reading = connect(settings.redis_url, answer_timeout_s=REDIS_WITHIN_S)
        self.admin = LedgerAdmin(reading)
        self.audit = Audit.of(reading, settings, Actor("tq-http-shim", "http"))
        self.behind = Behind()
        self.token_uses = TokenUses(self.audit, self.behind)
        self.sign_ins_refused = Refusals(self.audit, self.behind, "sign-in refused")
        self.tokens_refused = Refusals(self.audit, self.behind, "token refused")
        ingest = ingest_redis(settings, reading, answer_timeout_s=REDIS_WITHIN_S)
        self.metrics_ = HttpMetrics(LedgerCollector(self.admin, Quarantine(reading), ingest))
        self.connections = Connections(settings, self.metrics_.registry, most=most_connections)
        self.single_sign_on = SingleSignOn(settings, self.connections.proxies, self.metrics_.registry)
        self.waiters = Waiters(self.admin)
        self.bodies = Bodies(settings.http_inflight_bytes)
        self.forms = Forms(self.connections.closings)
        self.pages = PageThreads()
        self.turns = Turns()
        per_s = settings.http_requests_per_s
        self.rates = Buckets(per_s=per_s, burst=2 * per_s)
        self.attempts = Attempts()
        self.spans = exporter_of(settings, "http")
        self.draining = False
        self.with_token = 0

    async def reader(self) -> Intake:
        """Return how payloads are read now, with the event types that a worker told lately."""
        if time.monotonic() >= self._look_again_s:
            self._look_again_s = time.monotonic() + NAMES_KEPT_S
            names = await self.names("events")
            self.intake = replace(self.intake, event_types=names.types, creates_types=names.creates)
            await self._learn_assets()
        return self.intake

    async def _learn_assets(self) -> None:
        """Know what is ours by a data collection of ThreatQ, where a worker has told it lately."""
        collection = self.settings.own_assets_collection
        values = await self._look_up(told_flow(collection)) if collection else None
        if values is not None:
            self.dialect = dialect_from(self.settings, values)

    async def names(self, queue: str) -> KnownNames:
        """Return what ThreatQ knows by name, as a worker told lately; nothing while Redis does not tell."""
        return await self._look_up(names_flow(queue)) or UNKNOWN

    async def _look_up(self, flow: Flow[T]) -> T | None:
        """Return what Redis tells in a moment; None where it does not, since a sender waits."""
        try:
            async with asyncio.timeout(LOOK_UP_WITHIN_S):
                return await follow_async(self.ledger.redis, flow)
        except (ServiceAway, TimeoutError):
            return None

    async def accept(self, jobs: Sequence[Job], *, whole: bool = False) -> list[Accepted]:
        """Have the ledger accept jobs, `whole`: all or none, and tell of it where traces are sent."""
        began_ns = time.time_ns()
        answers = await (self.ledger.accept_whole(jobs) if whole else self.ledger.accept(jobs))
        if self.spans:
            self.spans.add(accept_spans(jobs, answers, began_ns, time.time_ns()))
        return answers

    def enter(self) -> None:
        """Take one of http_max_requests places for a request that showed a good token; raises Problem.

        Requests without a token take none of them, however many come.
        """
        if self.with_token >= self.settings.http_max_requests:
            text = "too many requests are in hand (TQ_HTTP_MAX_REQUESTS); send this again"
            raise come_later("busy", text, 1, status=self.settings.http_busy_status)
        self.with_token += 1


class HttpMetrics:
    """The producer's own metrics."""

    def __init__(self, ledger: LedgerCollector) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(ledger)
        self._ledger = ledger
        self.requests = metrics.counter(self.registry, metrics.HTTP_REQUESTS)
        self.seconds = metrics.histogram(self.registry, metrics.HTTP_SECONDS)
        self.in_hand = metrics.gauge(self.registry, metrics.HTTP_IN_HAND)
        self.bytes = metrics.counter(self.registry, metrics.HTTP_BYTES)
        self.duplicates = metrics.counter(self.registry, metrics.HTTP_DUPLICATES)
        # Finding a metric by its labels costs more than counting.
        self.counting = cache(lambda *labels: self.requests.labels(*labels).inc)
        self.timing = cache(lambda route: self.seconds.labels(route).observe)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return exposed(self.registry, self._ledger)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count and time a request."""
        self.counting(method, route, str(status))()
        self.timing(route)(seconds)


#: Answers a request whose token permits it.
Handle = Callable[[HttpContext, Request, TokenHolder], Awaitable[Response]]


def only_for(scope: str, handle: Handle) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that lets only callers with `scope` through to `handle`."""

    async def endpoint(request: Request) -> Response:
        context: HttpContext = request.app.state.context
        caller = _permitted(context, request, scope)
        if wait_s := context.rates.take(caller.name):
            text = f"the token {caller.name} is used too often (TQ_HTTP_REQUESTS_PER_S); send this again"
            raise come_later("too_fast", text, wait_s, status=context.settings.http_busy_status)
        prove(request)
        context.token_uses.note(caller.name, peer(request))
        context.enter()
        try:
            return await handle(context, request, caller)
        finally:
            context.with_token -= 1
            context.bodies.release(request)

    return endpoint


def _permitted(context: HttpContext, request: Request, scope: str) -> TokenHolder:
    caller: TokenHolder | None = request.scope[HOLDER]
    try:
        return permitted(_caller(context, request), scope)
    except Problem as problem:
        if header(request, b"authorization"):
            name = caller.name if caller else ""
            context.tokens_refused.note(name, peer(request), problem.code)
        raise


def _caller(context: HttpContext, request: Request) -> TokenHolder | None:
    caller: TokenHolder | None = request.scope[HOLDER]
    # Many clients show their token only once they were asked for it.
    if (
        caller is None
        and header(request, b"authorization")
        and (wait_s := context.attempts.wrong(peer(request)))
    ):
        text = "too many wrong tokens came from this address; send this again"
        raise come_later("too_many_attempts", text, wait_s, status=context.settings.http_busy_status)
    return caller


def prove(request: Request) -> None:
    """Keep the connection of a request that showed a good token, or a session, when there are too many."""
    if connection := request.scope.get(CONNECTION):
        connection.prove()


def peer(request: Request) -> str:
    """Return the address that a request came from, by the word of a trusted proxy where it came through one."""
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


def refuse_misspelt(request: Request, *names: str) -> None:
    """Raise Problem for a parameter that is almost one of `names`; what a webhook adds of its own may stand there."""
    if not request.scope["query_string"]:
        return
    for name in request.query_params.keys() - {*names}:
        if near := get_close_matches(name[:40].lower(), names, n=1, cutoff=0.75):
            raise Problem(400, "bad_query", f"{name[:40]}: not known; did you mean {near[0]}?")


def sender_key(request: Request, caller: TokenHolder) -> str:
    """Return what the sender calls this request, apart from what other senders call theirs; "" for nothing."""
    text = header(request, b"idempotency-key").strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if len(text) > _MOST_KEY or not text.isascii() or not text.isprintable():
        raise Problem(400, "bad_key", f"Idempotency-Key must be ASCII text of at most {_MOST_KEY} characters")
    return f"http:{caller.name}:{text}" if text else ""


async def known_jobs(context: HttpContext, answers: Sequence[Accepted]) -> dict[str, KnownJob]:
    """Return how the duplicates among `answers` stand, by their ids; nothing while Redis does not tell."""
    repeats = {answer.id: answer for answer in answers if not answer.created and not answer.conflict}
    if not repeats:
        return {}
    try:
        return dict(zip(repeats, await context.ledger.known(list(repeats.values())), strict=True))
    except ServiceAway:
        # They are accepted all the same.
        return {}


def trace(request: Request) -> str:
    """Return the W3C trace context of a request, or "" for none that can be read."""
    return read_traceparent(header(request, b"traceparent"))


def request_id(request: Request) -> str:
    """Return what a request is called in its answer and in the log: by its sender, where that may stand in a log."""
    scope = request.scope
    if REQUEST_ID not in scope:
        text = header(request, b"x-request-id")
        scope[REQUEST_ID] = text if _REQUEST_ID.fullmatch(text) else os.urandom(8).hex()
    called: str = scope[REQUEST_ID]
    return called


class Waiters:
    """Lets a bounded number of requests wait for what becomes of their jobs."""

    def __init__(self, admin: LedgerAdmin) -> None:
        self.admin = admin
        self.places = CapacityLimiter(MOST_WAITING)

    async def outcomes(self, job_ids: Sequence[str], wait_s: float) -> dict[str, Entry]:
        """Return what became of jobs within `wait_s` seconds; nothing, and at once, when too many wait already."""
        if not wait_s or self.places.available_tokens < 1:
            return {}
        return await run_sync(partial(self._outcomes, job_ids, wait_s), limiter=self.places)

    def _outcomes(self, job_ids: Sequence[str], wait_s: float) -> dict[str, Entry]:
        ends = time.monotonic() + wait_s
        entries = {
            job_id: self.admin.outcome(job_id, wait_s=max(0.0, ends - time.monotonic())) for job_id in job_ids
        }
        return {job_id: entry for job_id, entry in entries.items() if entry}
