"""Turns a handler of calls into a Starlette endpoint: token, body, one transaction, JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sandbox.threatq.call import Answer, Call, Handler, Refused, refused
from sandbox.threatq.drafts import Fatal, Invalid
from sandbox.threatq.state import ThreatQ
from sandbox.threatq.tokens import parameters

Endpoint = Callable[[Request], Awaitable[Response]]


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
        given = parameters(dict(request.query_params), _form(request, raw), raw)
        authorization = request.headers.get("authorization", "")
        try:
            answer = threatq.tokens.grant(given, authorization, threatq.behaviour.expires_in)
        except Refused as refusal:
            answer = refusal.answer
        return respond_with(answer)

    return respond


def respond_with(answer: Answer) -> Response:
    """The HTTP response of an answer."""
    body = b"" if answer.body is None else msgspec.json.encode(answer.body)
    return Response(body, answer.status, media_type="application/json")


def _call(threatq: ThreatQ, request: Request, raw: bytes, fixed: dict[str, str]) -> Call:
    account = threatq.tokens.account(request.headers.get("authorization", ""))
    try:
        body: Any = msgspec.json.decode(raw) if raw else None
    except msgspec.DecodeError as error:
        raise refused("body", f"The body is not valid JSON: {error}.") from error
    return Call(threatq, account, {**request.path_params, **fixed}, dict(request.query_params), body)


def _form(request: Request, raw: bytes) -> dict[str, str]:
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    return dict(parse_qsl(raw.decode(errors="replace")))
