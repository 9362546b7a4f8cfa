"""What watches the door: signs of life, readiness, metrics, and the description of the API."""

from __future__ import annotations

from functools import cache

import msgspec
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from producers.http.door import Door, answer
from producers.http.openapi import document
from producers.http.problems import come_later, from_away
from producers.http.shapes import Health
from producers.http.tokens import Caller
from workers.errors import ServiceAway


async def get_health(_request: Request) -> Response:
    """Say that the process lives."""
    return answer(Health("ok"))


async def get_ready(request: Request) -> Response:
    """Say whether payloads would be accepted now."""
    door: Door = request.app.state.door
    if door.draining:
        raise come_later("draining", "this door is closing; send to another one, or again in a moment", 1)
    try:
        await door.ledger.check_room()
    except ServiceAway as error:
        raise from_away(error, busy_status=503) from error
    return answer(Health("ok"))


async def get_metrics(door: Door, _request: Request, _caller: Caller) -> Response:
    """Answer all metrics of the ledger and of this door in Prometheus' text format."""
    text = await run_in_threadpool(generate_latest, door.meters.registry)
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
