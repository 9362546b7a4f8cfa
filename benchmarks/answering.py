"""A ThreatQ that answers the bulk calls at next to no cost, so that workers and not it are measured.

Whatever else is called goes to the simulated ThreatQ in the same process: `python -m benchmarks.answering FILE MS`
serves on a free port, writes its address into FILE and waits MS before each answer.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections import defaultdict
from itertools import count
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.serving import Site, serve
from sandbox.threatq.app import create_app
from sandbox.threatq.model.state import ThreatQ

CONSUME = re.compile(r"/api/(\w+)/consume")
COMMENTS = re.compile(r"/api/events/(\d+)/comments")
PART = re.compile(r"/api/events/(\d+)/(\w+)")
MADE, TIMED = "/sandbox/made", "/sandbox/timed"

_NOTHING = msgspec.Raw(b"[]")


class AnsweredItem(msgspec.Struct):
    """What is read of an item of a bulk call; its parts are told as they came."""

    title: str = ""
    value: str = ""
    attributes: msgspec.Raw = _NOTHING
    indicators: msgspec.Raw = _NOTHING
    identity: msgspec.Raw = _NOTHING
    malware: msgspec.Raw = _NOTHING
    asset: msgspec.Raw = _NOTHING


class AnsweredRow(msgspec.Struct, omit_defaults=True):
    """A row of an answer."""

    id: int
    title: str = ""
    value: str = ""


_COMMENT = msgspec.json.Decoder(AnsweredItem)
_ITEMS = msgspec.json.Decoder(list[AnsweredItem])


class Answering:
    """ASGI middleware that makes whatever it is asked for, keeps events by id, and waits before each answer."""

    def __init__(self, app: ASGIApp, latency_s: float) -> None:
        self.app, self.latency_s = app, latency_s
        self.ids, self.events = count(1), dict[int, AnsweredItem]()
        self.comments = defaultdict[int, list[AnsweredRow]](list)
        #: How often it was called, and when each event was made, by its title and a clock that all processes share.
        self.calls, self.made_s = 0, dict[str, float]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path.startswith("/api/"):
            self.calls += 1
            await asyncio.sleep(self.latency_s)
        body = await self._answer(path, Request(scope, receive))
        if body is None:
            await self.app(scope, receive, send)
        else:
            await Response(body, media_type="application/json")(scope, receive, send)

    async def _answer(self, path: str, request: Request) -> bytes | None:
        if path == MADE:
            return msgspec.json.encode(sorted(item.title for item in self.events.values()))
        if path == TIMED:
            return msgspec.json.encode({"calls": self.calls, "made_s": self.made_s})
        if consume := CONSUME.fullmatch(path):
            items = _ITEMS.decode(await request.body())
            return msgspec.json.encode({"data": [self._make(item, consume[1]) for item in items]})
        if comment := COMMENTS.fullmatch(path):
            kept = self.comments[int(comment[1])]
            if request.method == "POST":
                kept.append(AnsweredRow(next(self.ids), value=_COMMENT.decode(await request.body()).value))
            return msgspec.json.encode({"data": kept})
        if part := PART.fullmatch(path):
            return b'{"data":%s}' % bytes(getattr(self.events[int(part[1])], part[2]))
        return None

    def _make(self, item: AnsweredItem, collection: str) -> AnsweredRow:
        row = AnsweredRow(next(self.ids), item.title, item.value)
        if collection == "events":
            self.events[row.id] = item
            self.made_s[item.title] = time.monotonic()
        return row


def main(ready: str, latency_ms: str) -> None:
    """Serve until a signal comes."""
    site = Site("threatq", Answering(create_app(ThreatQ()), float(latency_ms) / 1000))

    def tell() -> None:
        Path(ready).write_text(site.url)

    serve(site, ready=tell)


if __name__ == "__main__":
    main(*sys.argv[1:])
