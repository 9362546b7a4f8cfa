"""The HTTP entry point put together: routes of the API and of the status page, refusals, and the gate before all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
import structlog
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from producers.http.actions import post_action
from producers.http.context import HOLDER, HttpContext, answer, only_for, request_id
from producers.http.events import post_events, post_validate
from producers.http.expiries import keep_telling
from producers.http.job_list import get_jobs
from producers.http.jobs import get_batch, get_job
from producers.http.openapi import document
from producers.http.problems import Problem, come_later, from_away
from producers.http.request import header
from producers.http.schemas import Health
from producers.http.tokens import TokenHolder
from producers.http.ui import audit, home, jobs, live, quarantine, render
from producers.http.ui.session import action, view
from producers.http.ui.sign_in import get_sign_in, post_sign_in, sign_out
from workers.core.errors import BatchTooLarge, ServiceAway
from workers.core.interpreter import keep_pauses_short
from workers.core.urls import is_loopback
from workers.telemetry.many_lines import ManyLines

log = structlog.get_logger(__name__)

#: Bytes of all header names and values of a request; InvokeHTTP may send dozens of attributes.
MOST_HEADER_BYTES = 32_768

#: What a GET on a path for POST is told besides 405: InvokeHTTP's default method is GET.
_USE_POST = "set HTTP Method to POST"

#: The answer to what is sent to a path that takes nothing: the base URL alone is a usual slip.
_WHERE = "payloads go to POST /v1/events"


def routes() -> list[Route]:
    """Return every route of the API; the paths are those of the OpenAPI document."""
    return [
        Route("/v1/events", _events, methods=["POST", "HEAD"]),
        Route("/v1/events:validate", only_for("events", post_validate), methods=["POST"]),
        Route("/v1/actions/{action}", only_for("actions", post_action), methods=["POST"]),
        Route("/v1/jobs", only_for("read", get_jobs), methods=["GET"]),
        Route("/v1/jobs/{id}", only_for("read", get_job), methods=["GET"]),
        Route("/v1/batches/{id}", only_for("read", get_batch), methods=["GET"]),
        Route("/healthz", get_health, methods=["GET"]),
        Route("/readyz", get_ready, methods=["GET"]),
        Route("/metrics", only_for("metrics", get_metrics), methods=["GET"]),
        Route("/openapi.json", get_openapi, methods=["GET"]),
    ]


async def _events(request: Request) -> Response:
    return await (head_events(request) if request.method == "HEAD" else _post_events(request))


_post_events = only_for("events", post_events)


def create_app(context: HttpContext) -> Gate:
    """Return the application that answers for `producer`."""
    app = Starlette(
        routes=[*routes(), *page_routes()],
        exception_handlers={**_refusals(), Exception: _fault},
        lifespan=_lifespan,
    )
    app.router.redirect_slashes = False
    app.state.context = context
    app.state.streams = live.Streams(context.admin)
    return Gate(app, context)


class Gate:
    """Stands before the routes: one spelling of each path, bounded headers, metrics; answers whole requests itself."""

    path = b"/v1/events"

    def __init__(self, app: ASGIApp, context: HttpContext) -> None:
        self.app = app
        self.context = context
        self._lines = ManyLines(__name__, "request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, context, status = time.perf_counter(), self.context, 500
        if len(scope["path"]) > 1 and scope["path"].endswith("/"):
            scope["path"] = scope["path"].rstrip("/")

        called = request_id(Request(scope))

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], (b"x-request-id", called.encode())]}
            await send(message)

        context.metrics_.in_hand.inc()
        structlog.contextvars.bind_contextvars(request_id=called)
        try:
            scope[HOLDER] = context.tokens.find(header(Request(scope), b"authorization"))
            if scope[HOLDER] is None:
                await context.turns.wait()
            if refusal := self._refusal(scope):
                await refusal.response(request_id(Request(scope)))(scope, receive, sent)
            else:
                await self.app(scope, receive, sent)
        finally:
            context.metrics_.in_hand.dec()
            route = scope.get("route")
            path = route.path if isinstance(route, Route) else "none"
            self._measure(scope, path, status, time.perf_counter() - started)

    def takes(self, scope: Scope) -> bool:
        """Tell whether payloads that come whole are answered without Starlette: their token is known."""
        context, request = self.context, Request(scope)
        scope[HOLDER] = context.tokens.find(header(request, b"authorization"))
        # Of a request that comes through a proxy, uvicorn finds out the sender.
        is_direct = not context.connections.proxies or not header(request, b"x-forwarded-for")
        return scope[HOLDER] is not None and is_direct and self._refusal(scope) is None

    async def answer(self, scope: Scope) -> Response:
        """Answer a whole request like the application would."""
        started, context = time.perf_counter(), self.context
        scope.update(app=self.app, path="/v1/events", method="POST", query_string=b"")
        request = Request(scope)
        called = request_id(request)
        context.metrics_.in_hand.inc()
        structlog.contextvars.bind_contextvars(request_id=called)
        try:
            response = await _post_events(request)
        except Exception as error:
            response = await _refused(request, error)
        finally:
            context.metrics_.in_hand.dec()
        response.raw_headers.append((b"x-request-id", called.encode()))
        seconds = time.perf_counter() - started
        context.metrics_.request("POST", "/v1/events", response.status_code, seconds)
        self._lines.add(_line(scope, response.status_code, seconds) | {"request_id": called})
        return response

    def _refusal(self, scope: Scope) -> Problem | None:
        if self.context.tokens.open_to_all and not _asks_loopback(scope):
            # A web page elsewhere can have its own name lead to this machine, and would then be let in.
            return Problem(
                421, "wrong_host", "without tokens this producer answers to 127.0.0.1 and localhost alone"
            )
        size = sum(len(name) + len(value) for name, value in scope["headers"])
        if size > MOST_HEADER_BYTES:
            return Problem(
                431, "headers_too_large", f"the headers have {size} bytes, the limit is {MOST_HEADER_BYTES}"
            )
        return None

    def _measure(self, scope: Scope, path: str, status: int, seconds: float) -> None:
        self.context.metrics_.request(scope["method"], path, status, seconds)
        if status >= 400 or path.startswith("/v1/"):
            log.info("request", **_line(scope, status, seconds))


def _line(scope: Scope, status: int, seconds: float) -> dict[str, Any]:
    """Return what the log says of a request."""
    caller = scope.get(HOLDER)
    return {
        "method": scope["method"],
        "path": scope["path"],
        "status": status,
        "sender": caller.name if caller else None,
        "seconds": round(seconds, 4),
    }


def _asks_loopback(scope: Scope) -> bool:
    host = urlsplit("//" + Headers(scope=scope).get("host", "")).hostname
    return host is not None and is_loopback(host)


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    context: HttpContext = app.state.context
    # Also beside a thread that reads a large body, for which each turn of the event loop waits. It halved p99.
    keep_pauses_short()
    watching = [
        asyncio.create_task(context.behind.watch()),
        asyncio.create_task(keep_telling(context.settings, context.tokens)),
    ]
    if context.token_files:
        watching.append(asyncio.create_task(context.token_files.watch()))
    yield
    for task in watching:
        task.cancel()
    await context.ledger.close()
    if context.spans:
        context.spans.close()


async def _problem(request: Request, error: Exception) -> Response:
    return cast("Problem", error).response(request_id(request))


async def _away(request: Request, error: Exception) -> Response:
    context: HttpContext = request.app.state.context
    problem = from_away(cast("ServiceAway", error), busy_status=context.settings.http_busy_status)
    return problem.response(request_id(request))


async def _too_large(request: Request, error: Exception) -> Response:
    return Problem(413, "too_many_items", str(error)).response(request_id(request))


async def _gone(_request: Request, _error: Exception) -> Response:
    # This is never read; the connection is closed.
    return Problem(400, "gone", "the sender closed the connection").response("")


async def _no_route(request: Request, error: Exception) -> Response:
    failure = cast("HTTPException", error)
    if failure.status_code == 405:
        allowed = ", ".join(sorted((failure.headers or {}).get("Allow", "").split(", ")))
        hint = _USE_POST if "POST" in allowed else _WHERE
        text = f"{request.method} is not allowed here, only {allowed}; {hint}"
        problem = Problem(405, "method_not_allowed", text, headers={"Allow": allowed})
    else:
        problem = Problem(404, "not_found", f"nothing is at this path; {_WHERE}")
    return problem.response(request_id(request))


async def _fault(request: Request, error: Exception) -> Response:
    log.error("request failed", path=request.url.path, exc_info=error)
    text = "this is a fault of ours; the log has it under this request_id. Send this again"
    return Problem(500, "fault", text).response(request_id(request))


def _refusals() -> dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]]:
    return {
        Problem: _problem,
        ServiceAway: _away,
        BatchTooLarge: _too_large,
        ClientDisconnect: _gone,
        HTTPException: _no_route,
    }


async def _refused(request: Request, error: Exception) -> Response:
    """Answer an error beside Starlette, by its class or the nearest one above."""
    refusals = _refusals()
    known = next((kind for kind in type(error).__mro__ if kind in refusals), None)
    return await (refusals[known] if known else _fault)(request, error)


async def get_health(_request: Request) -> Response:
    """Say that the process lives."""
    return answer(Health("ok"))


async def get_ready(request: Request) -> Response:
    """Say whether payloads would be accepted now."""
    context: HttpContext = request.app.state.context
    if context.draining:
        raise come_later("draining", "this producer is closing; send to another one, or again in a moment", 1)
    try:
        await context.ledger.check_room()
    except ServiceAway as error:
        raise from_away(error, busy_status=503) from error
    return answer(Health("ok"))


async def get_metrics(context: HttpContext, _request: Request, _caller: TokenHolder) -> Response:
    """Answer all metrics of the ledger and of this producer in Prometheus' text format."""
    text = await run_in_threadpool(context.metrics_.text)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def get_openapi(_request: Request) -> Response:
    """Answer the OpenAPI document."""
    return Response(_document(), media_type="application/json")


async def head_events(_request: Request) -> Response:
    """Answer the probe with which NiFi's PostHTTP finds out that gzip is welcome."""
    return Response(headers={"Accept-Encoding": "gzip"})


@cache
def _document() -> bytes:
    return msgspec.json.encode(document())


#: Files that need no token; they hold no data.
FILES = ("page.css", "page.js", "icon.svg")


def page_routes() -> list[Route]:
    """Return the routes; they are for browsers and no part of the API's description."""
    return [
        Route("/", view(home.home), methods=["GET"]),
        Route("/live", view(live.live), methods=["GET"]),
        Route("/sign-in", get_sign_in, methods=["GET"]),
        Route("/sign-in", post_sign_in, methods=["POST"]),
        Route("/sign-out", view(sign_out), methods=["POST"]),
        Route("/jobs", view(jobs.find), methods=["GET"]),
        Route("/jobs/{id}", view(jobs.show), methods=["GET"]),
        Route("/replay", action(jobs.replay), methods=["POST"]),
        Route("/queues/{queue}/pause", action(home.pause), methods=["POST"]),
        Route("/queues/{queue}/resume", action(home.resume), methods=["POST"]),
        Route("/syncs", view(home.listing), methods=["GET"]),
        Route("/syncs/{id}/approve", action(home.approve), methods=["POST"]),
        Route("/syncs/{id}/cancel", action(home.cancel), methods=["POST"]),
        Route("/quarantine", view(quarantine.listing), methods=["GET"]),
        Route("/quarantine/{id}", view(quarantine.show), methods=["GET"]),
        Route("/quarantine/{id}/retry", action(quarantine.retry), methods=["POST"]),
        Route("/quarantine/{id}/drop", action(quarantine.drop), methods=["POST"]),
        Route("/audit", view(audit.listing, scope="audit"), methods=["GET"]),
        Route("/static/{name}", _static, methods=["GET"]),
    ]


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    return render.static(name) if name in FILES else Response(status_code=404)
