"""What uvicorn's connections lack: time limits, and an answer to some requests that they misread or drop."""

from __future__ import annotations

import asyncio
import re
from typing import Any, cast

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from producers.http.problems import Problem

#: Seconds in which a request's head must be complete once it has begun, and the first one of a connection at all.
HEAD_WITHIN_S = 20.0

#: Seconds in which the other side of an idle TLS connection must close it when the door stops; many never do.
CLOSED_WITHIN_S = 0.5

_UPGRADE = re.compile(rb"^upgrade(?=:)", re.IGNORECASE | re.MULTILINE)

_NO_HTTP = Problem(
    400,
    "not_http",
    "this is no HTTP/1.1 request; does the sender speak TLS (https://) or HTTP/2 to a port that expects neither?",
    headers={"Connection": "close"},
)


class _Connection(asyncio.Protocol):
    """Closes a connection whose request does not come, or comes byte by byte; answers whoever only listens still."""

    #: uvicorn's own: the request in hand, None before the first.
    cycle: Any = None

    _closing: asyncio.TimerHandle | None = None
    _transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are Transports in all but ancestry.
        self._transport = cast(asyncio.Transport, transport)
        self._start_timer()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        between = before is None or (before.response_complete and not before.more_body)
        super().data_received(_declined(data) if between and b"pgrade:" in data else data)
        if self.cycle is not before:
            self._stop_timer()
        elif between:
            self._start_timer()

    def eof_received(self) -> bool:
        """Keep the line for an answer that is under way, where the other side has said all that it will."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete or cycle.more_body or not self._transport.can_write_eof():
            return False
        cycle.keep_alive = False
        return True

    def send_400_response(self, _message: str) -> None:
        """Refuse what the parser could not read, like everything else is refused."""
        answer = _NO_HTTP.response("")
        head = b"".join(b"%b: %b\r\n" % pair for pair in answer.raw_headers)
        self._transport.write(b"HTTP/1.1 400 Bad Request\r\n%b\r\n%b" % (head, bytes(answer.body)))
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        idle = self.cycle is None or self.cycle.response_complete
        cast(Any, super()).shutdown()
        if idle:
            asyncio.get_running_loop().call_later(CLOSED_WITHIN_S, self._transport.abort)

    def _start_timer(self) -> None:
        if self._closing is None:
            self._closing = asyncio.get_running_loop().call_later(HEAD_WITHIN_S, self._transport.close)

    def _stop_timer(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None


def _declined(data: bytes) -> bytes:
    """Return a request without its offer to go on in another protocol, which a server may ignore.

    Every stock Java client makes one (h2c), and behind it uvicorn's parser reads no body: Kludex/uvicorn#2722.
    """
    head, end, body = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"X-Offer", head) + end + body


# uvicorn picks its parser at import, so the class can only be put together here.
DoorProtocol: type[asyncio.Protocol] = type("DoorProtocol", (_Connection, AutoHTTPProtocol), {})
