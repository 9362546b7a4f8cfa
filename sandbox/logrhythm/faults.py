"""What goes wrong on purpose, and how often each route was called."""

from __future__ import annotations

import asyncio
from collections import Counter

import msgspec
from msgspec import Struct
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.logrhythm.replies import DEADLOCK, Refused
from sandbox.serving import hang_up

BASE = "/lr-admin-api"


class Faults(Struct, forbid_unknown_fields=True):
    """Faults that the next calls meet; counts run down to 0, `latency_ms` and `broken_list` stay.

    skip: calls that go through untouched before the counted faults begin.
    items_only: only calls that write items meet the counted faults.
    unauthorized, too_many, deadlocks, errors: answer so many calls with 401, 429, 500 (deadlock), 503.
    retry_after: seconds in the 429's Retry-After; None leaves the header out, as the gateway seems to.
    drop_before, drop_after: cut so many connections before, or after, the work was done.
    cut_list_bytes: end the answer with a list's items after so many bytes as if it were whole; 0 does not.
    broken_list: the guid of a list for which every call is answered with 500.
    cut_by_drop: instead of ending it in order, drop the connection there.
    """

    skip: int = 0
    items_only: bool = False
    unauthorized: int = 0
    too_many: int = 0
    retry_after: float | None = None
    deadlocks: int = 0
    errors: int = 0
    drop_before: int = 0
    drop_after: int = 0
    cut_list_bytes: int = 0
    cut_by_drop: bool = False
    latency_ms: float = 0.0
    broken_list: str = ""

    def take(self, name: str) -> bool:
        """Use up one of the faults called `name`; False if none is left."""
        left = int(getattr(self, name))
        setattr(self, name, max(0, left - 1))
        return left > 0


class FaultyGateway:
    """Stands before the API: counts calls, and lets them fail as ordered."""

    def __init__(self, app: ASGIApp, faults: Faults, calls: Counter[str]) -> None:
        self._app, self._faults, self._calls = app, faults, calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(BASE):
            await self._app(scope, receive, send)
            return
        self._calls[route_of(scope["method"], scope["path"])] += 1
        if self._faults.latency_ms:
            await asyncio.sleep(self._faults.latency_ms / 1000)
        if self._faults.broken_list and self._faults.broken_list in scope["path"]:
            await Refused(500, "Internal server error").response()(scope, receive, send)
            return
        if not self._applies(scope):
            await self._app(scope, receive, send)
            return
        answer = self._fault()
        if answer:
            await answer(scope, receive, send)
        elif self._faults.take("drop_before"):
            await hang_up(scope)
        elif self._faults.take("drop_after"):
            await self._app(scope, receive, _swallow)
            await hang_up(scope)
        else:
            await self._app(scope, receive, send)

    def _applies(self, scope: Scope) -> bool:
        writes_items = scope["method"] != "GET" and scope["path"].rstrip("/").endswith("/items")
        if self._faults.items_only and not writes_items:
            return False
        return not self._faults.take("skip")

    def _fault(self) -> Response | None:
        faults = self._faults
        if faults.take("unauthorized"):
            return Refused(401, "Unauthorized").response()
        if faults.take("too_many"):
            pause = {} if faults.retry_after is None else {"Retry-After": f"{faults.retry_after:g}"}
            return JSONResponse({"message": "API rate limit exceeded"}, 429, headers=pause)
        if faults.take("deadlocks"):
            return Refused(500, DEADLOCK).response()
        if faults.take("errors"):
            return Response("upstream connect error", 503, media_type="text/plain")
        return None


def route_of(method: str, path: str) -> str:
    """Return the route that a call is counted under: ids as braces, always with the closing slash."""
    parts = path.removeprefix(BASE).strip("/").split("/")
    if len(parts) > 1 and parts[1] != "user-logins":
        parts[1] = "{id}"
    return f"{method} /{'/'.join(parts)}/"


async def _swallow(_message: Message) -> None:
    """Take an answer that is never sent."""


def changed(faults: Faults, body: bytes) -> None:
    """Set the faults that `body` names and leave the others; raises msgspec.ValidationError."""
    fresh = msgspec.json.decode(body, type=Faults)
    for name in msgspec.json.decode(body, type=dict[str, object]):
        setattr(faults, name, getattr(fresh, name))
