"""Requests that came in one piece are answered beside ASGI: to pass them through it costs more than the answer."""

from __future__ import annotations

import asyncio
from functools import cache
from http import HTTPStatus
from typing import Any, Protocol

from starlette.responses import Response
from starlette.types import Scope

from producers.http.request import WHOLE_BODY

#: uvicorn wakes with this what waits for a body; a whole request has its own.
_NEVER_AWAITED = asyncio.Event()


class WholeRoute(Protocol):
    """What answers whole requests of one path."""

    path: bytes

    def takes(self, scope: Scope) -> bool:
        """Tell by its head whether a POST is answered here; all that is odd goes to the application."""

    async def answer(self, scope: Scope) -> Response:
        """Answer it, whatever happens."""


class WholeRequest:
    """A request in hand; a connection asks of it what it asks of uvicorn's cycle."""

    message_event = _NEVER_AWAITED
    more_body = False
    response_started = False
    response_complete = False
    disconnected = False

    def __init__(self, connection: Any, scope: Scope, body: bytes, *, keep_alive: bool) -> None:
        self._connection = connection
        self._scope = scope
        self.keep_alive = keep_alive
        scope[WHOLE_BODY] = body

    async def answer(self, route: WholeRoute) -> None:
        """Have it answered, and write that as soon as the client takes it."""
        response = await route.answer(self._scope)
        if self._connection.flow.write_paused:
            await self._connection.flow.drain()
        if not self.disconnected:
            self._write(response)

    def _write(self, response: Response) -> None:
        connection = self._connection
        head = [_status_line(response.status_code)]
        for name, value in (*connection.server_state.default_headers, *response.raw_headers):
            head += (name, b": ", value, b"\r\n")
        if not self.keep_alive:
            head.append(b"connection: close\r\n")
        self.response_started = self.response_complete = True
        connection.transport.write(b"".join((*head, b"\r\n", response.body)))
        if not self.keep_alive:
            connection.transport.close()
        connection.on_response_complete()


@cache
def _status_line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
