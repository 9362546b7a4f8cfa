"""The link between client and simulated ThreatQ: where faults strike and calls are counted."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.serving import hang_up
from sandbox.threatq.faults import Fault
from sandbox.threatq.state import ThreatQ


class Link:
    """ASGI middleware around the API; other paths pass untouched."""

    def __init__(self, app: ASGIApp, threatq: ThreatQ) -> None:
        self.app, self.threatq = app, threatq

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self.app(scope, receive, send)
            return
        status = 0

        async def note(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        await self._pass(scope, receive, note)
        self.threatq.calls.add(scope["method"], scope["path"], status)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        struck = self.threatq.faults.strike(scope["method"], scope["path"])
        if struck:
            # A slow server has the request already, and does its work though the caller may have given up.
            receive = await _received(receive)
        for fault in struck:
            if fault.kind == "latency":
                await asyncio.sleep(self.threatq.faults.delay_s(fault))
        end = next((fault for fault in struck if fault.kind != "latency"), None)
        if end is None:
            await self.app(scope, receive, send)
        elif end.kind in _STATUS:
            await _answer(send, end)
        else:
            await self._break(end, scope, receive)

    async def _break(self, fault: Fault, scope: Scope, receive: Receive) -> None:
        if fault.kind in ("drop_after", "hang_after"):
            await self.app(scope, receive, _nowhere)
        if fault.kind in ("hang", "hang_after"):
            await self.threatq.faults.hang(fault)
        await hang_up(scope)


_STATUS = {"rate_limit": 429, "error": 0, "bare": 200, "unauthorized": 401}
_BODY = {
    "rate_limit": {"message": "Too Many Attempts."},
    "bare": {},
    "unauthorized": {"errors": ["Unauthenticated."]},
}


async def _answer(send: Send, fault: Fault) -> None:
    headers = [(b"content-type", b"application/json")]
    if fault.retry_after is not None:
        headers.append((b"retry-after", str(fault.retry_after).encode()))
    status = _STATUS[fault.kind] or fault.status
    body = msgspec.json.encode(_BODY.get(fault.kind, {"errors": ["Server Error"]}))
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _received(receive: Receive) -> Receive:
    """Take the whole request in, and return what gives it out again."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())

    async def again() -> Message:
        return messages.pop(0) if messages else await receive()

    return again


async def _nowhere(_message: Message) -> None:
    """Where an answer goes that the client never gets."""
