"""How long a connection may take to say what it wants: uvicorn itself would wait for ever."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.auto import AutoHTTPProtocol

#: Seconds in which a request's head must be complete once it has begun, and the first one of a connection at all.
HEAD_WITHIN_S = 20.0

#: Seconds that the other side of an idle TLS connection gets to say goodbye when the door closes; many never do.
GOODBYE_WITHIN_S = 0.5


class _Patience(asyncio.Protocol):
    """Closes a connection whose request does not come, or comes byte by byte."""

    #: uvicorn's own: the request in hand, None before the first.
    cycle: Any = None

    _closing: asyncio.TimerHandle | None = None
    _transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are Transports in all but ancestry.
        self._transport = cast(asyncio.Transport, transport)
        self._expect()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        between = before is None or (before.response_complete and not before.more_body)
        super().data_received(data)
        if self.cycle is not before:
            self._relax()
        elif between:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relax()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        idle = self.cycle is None or self.cycle.response_complete
        cast(Any, super()).shutdown()
        if idle:
            asyncio.get_running_loop().call_later(GOODBYE_WITHIN_S, self._transport.abort)

    def _expect(self) -> None:
        if self._closing is None:
            self._closing = asyncio.get_running_loop().call_later(HEAD_WITHIN_S, self._transport.close)

    def _relax(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None


# uvicorn picks its parser at import, so the class can only be put together here.
PatientProtocol: type[asyncio.Protocol] = type("PatientProtocol", (_Patience, AutoHTTPProtocol), {})
