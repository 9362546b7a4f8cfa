"""The HTTP door put together: routes, refusals, and the gate that every request passes."""

from __future__ import annotations

import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import urlsplit

import structlog
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from producers.http.actions import post_action
from producers.http.door import Door, only_for, request_id
from producers.http.events import post_events
from producers.http.ops import get_health, get_metrics, get_openapi, get_ready, head_events
from producers.http.page.routes import page_routes
from producers.http.problems import Problem, come_later, from_away
from producers.http.status import get_batch, get_job
from producers.http.validate import post_validate
from workers.errors import ServiceAway
from workers.urls import is_loopback

log = structlog.get_logger(__name__)

#: Bytes of all header names and values of a request; InvokeHTTP may send dozens of attributes.
MOST_HEADER_BYTES = 32_768

#: What a GET on a path for POST is told besides 405: InvokeHTTP's default method is GET.
_USE_POST = "set HTTP Method to POST"

#: What is told whoever sends to a path that takes nothing: the base URL alone is a usual slip.
_WHERE = "payloads go to POST /v1/events"


def routes() -> list[Route]:
    """Return every route of the API; the paths are those of the OpenAPI document."""
    return [
        Route("/v1/events", _events, methods=["POST", "HEAD"]),
        Route("/v1/events:validate", only_for("events", post_validate), methods=["POST"]),
        Route("/v1/actions/{action}", only_for("actions", post_action), methods=["POST"]),
        Route("/v1/jobs/{id}", only_for("read", get_job), methods=["GET"]),
        Route("/v1/batches/{id}", only_for("read", get_batch), methods=["GET"]),
        Route("/healthz", get_health, methods=["GET"]),
        Route("/readyz", get_ready, methods=["GET"]),
        Route("/metrics", only_for("read", get_metrics), methods=["GET"]),
        Route("/openapi.json", get_openapi, methods=["GET"]),
    ]


async def _events(request: Request) -> Response:
    return await (head_events(request) if request.method == "HEAD" else _post_events(request))


_post_events = only_for("events", post_events)


def create_app(door: Door) -> ASGIApp:
    """Return the application that answers for `door`."""
    app = Starlette(
        routes=[*routes(), *page_routes()],
        exception_handlers={
            Problem: _problem,
            ServiceAway: _away,
            ClientDisconnect: _gone,
            HTTPException: _no_route,
            Exception: _fault,
        },
        lifespan=_lifespan,
    )
    app.router.redirect_slashes = False
    app.state.door = door
    return Gate(app, door)


class Gate:
    """Stands before the routes: one spelling of each path, bounded headers and requests in hand, metrics."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self.app = app
        self.door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, door, status = time.perf_counter(), self.door, 500
        if len(scope["path"]) > 1 and scope["path"].endswith("/"):
            scope["path"] = scope["path"].rstrip("/")

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        door.in_hand += 1
        try:
            if refusal := self._refusal(scope):
                await refusal.response(request_id(Request(scope)))(scope, receive, sent)
            else:
                await self.app(scope, receive, sent)
        finally:
            door.in_hand -= 1
            self._measure(scope, status, time.perf_counter() - started)

    def _refusal(self, scope: Scope) -> Problem | None:
        if self.door.in_hand > self.door.settings.http_max_requests:
            return come_later(
                "busy",
                "too many requests are in hand (TQ_HTTP_MAX_REQUESTS); send this again",
                1,
                status=self.door.settings.http_busy_status,
            )
        if self.door.tokens.open_to_all and not _asks_loopback(scope):
            # A web page elsewhere can have its own name lead to this machine, and would then be let in.
            return Problem(
                421, "wrong_host", "without tokens this door answers to 127.0.0.1 and localhost alone"
            )
        size = sum(len(name) + len(value) for name, value in scope["headers"])
        if size > MOST_HEADER_BYTES:
            return Problem(
                431, "headers_too_large", f"the headers have {size} bytes, the limit is {MOST_HEADER_BYTES}"
            )
        return None

    def _measure(self, scope: Scope, status: int, seconds: float) -> None:
        route = scope.get("route")
        path = route.path if isinstance(route, Route) else "none"
        self.door.meters.request(scope["method"], path, status, seconds)


def _asks_loopback(scope: Scope) -> bool:
    host = urlsplit("//" + Headers(scope=scope).get("host", "")).hostname
    return host is not None and is_loopback(host)


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    door: Door = app.state.door
    # What lives for ever is taken out of the collector's sight: p99 was halved by this.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    yield
    await door.ledger.close()


async def _problem(request: Request, error: Exception) -> Response:
    return cast("Problem", error).response(request_id(request))


async def _away(request: Request, error: Exception) -> Response:
    door: Door = request.app.state.door
    problem = from_away(cast("ServiceAway", error), busy_status=door.settings.http_busy_status)
    return problem.response(request_id(request))


async def _gone(_request: Request, _error: Exception) -> Response:
    # Nobody reads this; the connection is closed.
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
    text = "this is a fault of ours; it is in the log of tq-http-shim. Send this again"
    return Problem(500, "fault", text).response(request_id(request))
