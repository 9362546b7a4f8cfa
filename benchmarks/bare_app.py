"""What the HTTP entry point is measured against: decode, push what arrives at once; or Celery's own send_task."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import msgspec
from celery import Celery
from msgspec import Struct
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


class BarePayload(Struct):
    """The guide's payload, field by field."""

    event_type: str
    event_name: str
    event_happened_at: Any = None
    event_source: Any = None
    event_attributes: Any = None
    uri_source: Any = None
    uri_source_attributes: Any = None
    uri_target: Any = None
    uri_target_attributes: Any = None
    identity: Any = None
    malware: Any = None
    syslog_message: Any = None


class BareAnswer(Struct):
    """The smallest answer."""

    status: str


URL = os.environ["TQ_REDIS_URL"]
redis = Redis.from_url(URL)
celery = Celery(broker=URL)
celery.conf.update(task_ignore_result=True)
decoder = msgspec.json.Decoder(BarePayload)
OK = msgspec.json.encode(BareAnswer("queued"))


class Pushes:
    """Sends all that arrives in one turn of the event loop as one command."""

    def __init__(self) -> None:
        self.waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self.sending: set[asyncio.Task[None]] = set()

    async def push(self, body: bytes) -> None:
        """Return once Redis has the body."""
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append((body, answered))
        if len(self.waiting) == 1:
            asyncio.get_running_loop().call_soon(self._begin)
        await answered

    def _begin(self) -> None:
        task = asyncio.ensure_future(self._send(self.waiting))
        self.waiting = []
        self.sending.add(task)
        task.add_done_callback(self.sending.discard)

    async def _send(self, pushes: list[tuple[bytes, asyncio.Future[None]]]) -> None:
        await redis.lpush("bare", *(body for body, _ in pushes))
        for _, answered in pushes:
            answered.set_result(None)


pushes = Pushes()


async def push(request: Request) -> Response:
    """Decode and push."""
    body = await request.body()
    decoder.decode(body)
    await pushes.push(body)
    return Response(OK, 202, media_type="application/json")


async def send(request: Request) -> Response:
    """Decode and let Celery send it, in a thread since it blocks."""
    payload = msgspec.to_builtins(decoder.decode(await request.body()))
    await run_in_threadpool(celery.send_task, "events.create", args=[payload], queue="bare-celery")
    return Response(OK, 202, media_type="application/json")


app = Starlette(
    routes=[Route("/v1/events", push, methods=["POST"]), Route("/celery", send, methods=["POST"])]
)
