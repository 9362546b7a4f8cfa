"""From a Starlette request to a handler and back: counting, faults, token, body, one transaction, JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.serving import hang_up
from sandbox.threatq.handlers.drafts import Fatal, Invalid
from sandbox.threatq.model.behaviour import Fault
from sandbox.threatq.model.call import Answer, Call, Handler, Refused, refused
from sandbox.threatq.model.multipart import parts_of
from sandbox.threatq.model.state import ThreatQ
from sandbox.threatq.model.tokens import parameters

Endpoint = Callable[[Request], Awaitable[Response]]

_STATUS = {"rate_limit": 429, "error": 0, "bare": 200, "unauthorized": 401}

_BODY = {
    "rate_limit": {"message": "Too Many Attempts."},
    "bare": {},
    "unauthorized": {"errors": ["Unauthenticated."]},
}


def endpoint(threatq: ThreatQ, handler: Handler, **fixed: str) -> Endpoint:
    """An endpoint that asks for a token; `fixed` stands in for path parameters."""

    async def respond(request: Request) -> Response:
        raw = await request.body()
        try:
            with threatq.store.transaction():
                answer = handler(_call(threatq, request, raw, fixed))
        except Refused as refusal:
            answer = refusal.answer
        except Invalid as invalid:
            answer = refused(invalid.field, invalid.message).answer
        except Fatal:
            answer = Answer({"errors": ["Server Error"]}, 500)
        return respond_with(answer)

    return respond


def token_endpoint(threatq: ThreatQ) -> Endpoint:
    """POST /api/token."""

    async def respond(request: Request) -> Response:
        raw = await request.body()
        grant = threatq.behaviour.client_grant
        given = parameters(dict(request.query_params), _form(request, raw), raw, client_grant=grant)
        authorization = request.headers.get("authorization", "")
        try:
            answer = threatq.tokens.grant(given, authorization, threatq.behaviour.expires_in)
        except Refused as refusal:
            answer = refusal.answer
        return respond_with(answer)

    return respond


def respond_with(answer: Answer) -> Response:
    """The HTTP response of an answer."""
    if isinstance(answer.body, bytes):
        return Response(answer.body, answer.status, answer.headers, media_type="application/octet-stream")
    body = b"" if answer.body is None else msgspec.json.encode(answer.body)
    return Response(body, answer.status, answer.headers, media_type="application/json")


def _call(threatq: ThreatQ, request: Request, raw: bytes, fixed: dict[str, str]) -> Call:
    account = threatq.tokens.account(request.headers.get("authorization", ""))
    path, query = {**request.path_params, **fixed}, dict(request.query_params)
    content_type = request.headers.get("content-type", "")
    if content_type.startswith("multipart/form-data"):
        return Call(threatq, account, path, query, *parts_of(content_type, raw))
    try:
        body: Any = msgspec.json.decode(raw) if raw else None
    except msgspec.DecodeError as error:
        raise refused("body", f"The body is not valid JSON: {error}.") from error
    return Call(threatq, account, path, query, body)


def _form(request: Request, raw: bytes) -> dict[str, str]:
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    return dict(parse_qsl(raw.decode(errors="replace")))


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
