"""`/live`: server-sent events that tell an open page that something has changed, so that it is fetched anew.

An event carries no data of the ledger, only a digest; what is shown comes by the page's own address, as without script.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import msgspec
from starlette.responses import Response, StreamingResponse

from producers.http.context import HttpContext
from producers.http.problems import come_later
from producers.http.ui import render
from producers.http.ui.session import PageRequest
from workers.core.errors import ServiceAway
from workers.ledger.admin import LedgerAdmin
from workers.ledger.overview import Overview, overview
from workers.ledger.sync_runs import history, pending_count

#: Streams that a process keeps open, and a session; a page without one looks by itself, each few seconds.
MOST_STREAMS, MOST_OF_SESSION = 32, 4

#: Seconds between two looks at the ledger, whatever the number of streams.
EVERY_S = 2.0

#: Seconds after which an event comes although nothing has changed: ages grow, and proxies close what is silent.
BEAT_S = 15.0

#: Seconds after which a stream ends, and the browser opens the next; and how soon one ends that shall.
LONGEST_S, STEP_S = 900.0, 0.25

_HEADERS = {
    **render.HEADERS,
    "Cache-Control": "no-store, no-transform",
    # nginx keeps an answer until it has some kilobytes, unless it is told.
    "X-Accel-Buffering": "no",
}


#: Stands for a ledger that could not be looked at.
_AWAY = "away"


class Streams:
    """The open streams of this process, and one look at the ledger for all of them."""

    def __init__(self, admin: LedgerAdmin) -> None:
        self._admin = admin
        self._open: Counter[str] = Counter()
        self._looking = threading.Lock()
        self._looked, self._digest = 0.0, _AWAY

    def has_room(self, session_id: str) -> bool:
        """Tell whether a session may open another one."""
        return self._open.total() < MOST_STREAMS and self._open[session_id] < MOST_OF_SESSION

    @contextmanager
    def one_more(self, session_id: str) -> Iterator[None]:
        """Count a stream while it is open."""
        self._open[session_id] += 1
        try:
            yield
        finally:
            self._open[session_id] -= 1
            self._open += Counter()

    def digest(self) -> str:
        """Return what stands for the ledger's state; raises ServiceAway("redis")."""
        with self._looking:
            if time.monotonic() - self._looked >= EVERY_S:
                # First: while Redis is away, one stream at a time waits for it.
                self._looked = time.monotonic()
                redis = self._admin.redis
                runs = [run.job for run in history(redis, most=1)]
                state = (_lasting(overview(redis)), self._admin.counts(), pending_count(redis), runs)
                self._digest = hashlib.blake2b(msgspec.json.encode(state), digest_size=8).hexdigest()
            return self._digest


def _lasting(state: Overview) -> list[object]:
    """Return what of an overview does not change by the passing of time alone."""
    queues = [
        (queue.open, queue.ready, queue.running, queue.workers, queue.standing) for queue in state.queues
    ]
    workers = [(worker.sign.instance, worker.sign.in_hand, worker.is_silent) for worker in state.alive]
    silent = state.upkeep_s is None or state.upkeep_s > BEAT_S
    return [queues, workers, state.away, state.lacking, state.dead, state.quarantined, state.refused, silent]


def live(page_request: PageRequest) -> Response:
    """Answer events until the session ends; raises Problem where too many streams are open."""
    streams: Streams = page_request.request.app.state.streams
    if not streams.has_room(page_request.session.id):
        raise come_later("busy", "too many pages are kept up to date; this one looks by itself", 5)
    return StreamingResponse(_events(page_request, streams), headers=_HEADERS, media_type="text/event-stream")


async def _events(page_request: PageRequest, streams: Streams) -> AsyncIterator[str]:
    context, began, sent_at = page_request.context, time.monotonic(), 0.0
    last = ""
    with streams.one_more(page_request.session.id):
        yield f"retry: {EVERY_S * 1000:.0f}\n\n"
        while not context.draining and time.monotonic() - began < LONGEST_S:
            try:
                digest = await context.pages.run(_look, page_request, streams)
            except ServiceAway:
                # The page itself says so.
                digest = _AWAY
            if not digest:
                yield "event: end\ndata: the session has ended\n\n"
                return
            if digest != last or time.monotonic() - sent_at >= BEAT_S:
                yield f"data: {digest}\n\n"
                last, sent_at = digest, time.monotonic()
            await _pause(context)


def _look(page_request: PageRequest, streams: Streams) -> str:
    """Return the digest of the ledger's state, "" once the session has ended."""
    return streams.digest() if page_request.sessions.lasts(page_request.session) else ""


async def _pause(context: HttpContext) -> None:
    ends = time.monotonic() + EVERY_S
    while not context.draining and time.monotonic() < ends:
        await asyncio.sleep(STEP_S)
