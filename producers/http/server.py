"""What uvicorn's connections lack: limits on their time and number, and an answer to requests that it misreads."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from producers.http.connections import CONNECTION, Connections
from producers.http.problems import Problem
from producers.http.single_sign_on import PEER
from producers.http.upgrade import declining, is_offered
from producers.http.whole import WholeRequest, WholeRoute

#: Seconds in which a request's head must be complete once it has begun, and the first one of a connection at all.
HEAD_WITHIN_S = 20.0

#: Seconds, and bytes, that the rest of a body gets whose request is answered already: senders read only then.
REST_WITHIN_S, MOST_REST_BYTES = 10.0, 67_108_864

#: Seconds in which a client must take what fills the buffer of its connection, and how many bytes that holds.
TAKEN_WITHIN_S, BUFFERED_BYTES = 20.0, 16_384

#: Requests that may wait on a connection for the one before them; each takes some kilobytes, and 20 bytes to send.
MOST_PIPELINED = 4

#: Seconds in which the other side of an idle TLS connection must close it when the producer stops; many never do.
CLOSED_WITHIN_S = 0.5

_NO_HTTP = Problem(
    400,
    "not_http",
    "this is no HTTP/1.1 request; does the sender speak TLS (https://) or HTTP/2 to a port that expects neither?",
    headers={"Connection": "close"},
)


class _TooManyAtOnce(Exception):
    """Ends the parser's work on what has come."""


class HttpConnection(asyncio.Protocol):
    """Closes a connection that is slow to send or to take; answers a client that has closed its sending side."""

    #: uvicorn's own: the application, the parser, and the request in hand, None before the first.
    app: Any
    parser: Any
    scope: Any
    tasks: Any
    url = b""
    expect_100_continue = False
    pipeline: Any = ()
    cycle: Any = None

    #: Those of the whole process, and what answers whole requests, None for no such thing.
    all_open: Connections
    whole_route: WholeRoute | None = None

    _transport: asyncio.Transport
    _address = "?"
    #: The TLS handshake, which begins before there is a transport.
    _handshake: asyncio.Task[Any] | None = None
    #: Whether there is a transport, so that connection_lost will be called.
    established = False
    #: Closes the connection where its head, or the rest of a body, does not come.
    _arrival: asyncio.TimerHandle | None = None
    #: Closes the connection where its client does not take its answers.
    _taking: asyncio.TimerHandle | None = None
    #: The request of which everything has come, and how many bytes the rest of an answered one still gets.
    _received: Any = None
    #: The request that the application has in hand.
    _answering: Any = None
    _rest_bytes = 0
    #: What has come of the body of a request that is answered as a whole if the rest comes with it.
    _body: bytes | None = None

    def begin_handshake(self, handshake: asyncio.Task[Any] | None, address: str) -> None:
        """Count this connection from now on, by the task of its TLS handshake."""
        self._handshake, self._address = handshake, address
        self.all_open.enter(self, address)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.established = True
        # uvloop's transports are Transports in all but ancestry.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=BUFFERED_BYTES)
        self._start(HEAD_WITHIN_S, "slow_head")
        self.parser = declining(self, self.parser)
        app = self.app

        async def known_by_request(scope: Any, receive: Any, send: Any) -> None:
            scope[CONNECTION], scope[PEER] = self, self._address
            self._answering = receive.__self__
            await app(scope, receive, send)

        self.app = known_by_request
        super().connection_made(transport)
        if self._handshake is None:
            peer = transport.get_extra_info("peername")
            self._address = str(peer[0]) if isinstance(peer, tuple) else "?"
            self.all_open.enter(self, self._address)

    def prove(self) -> None:
        """Keep this connection when there are too many: it has shown a good token."""
        self.all_open.prove(self)

    def abort(self) -> None:
        """Close at once, whatever the client has not taken yet."""
        if self.established:
            self._transport.abort()
        elif self._handshake is not None:
            self._handshake.cancel()

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        between = before is None or (before is self._received and before.response_complete)
        super().data_received(data)
        if self._body is not None:
            self._begin_in_pieces()
        if self.cycle is not before:
            self._stop()
        elif between:
            self._start(HEAD_WITHIN_S, "slow_head")
        elif self._rest_bytes:
            self._rest_bytes -= len(data)
            if self._rest_bytes <= 0:
                self._give_up("endless_body")

    def on_headers_complete(self) -> None:
        """Begin a request, or stop reading where too many wait behind one another."""
        if self._may_be_whole():
            self._body = b""
            return
        cast(Any, super()).on_headers_complete()
        if len(self.pipeline) > MOST_PIPELINED:
            raise _TooManyAtOnce

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        if self._body is None:
            cast(Any, super()).on_body(body)
        else:
            self._body += body

    def on_message_complete(self) -> None:
        """Note that the whole request has come; behind an offer to change the protocol, its body comes still."""
        if is_offered(self.parser):
            return
        if self._body is not None:
            self._begin_whole(self._body)
            return
        self._received = self.cycle
        if self._rest_bytes:
            self._rest_bytes = 0
            self._stop()
        cast(Any, super()).on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request; what is left of the body of this one is not waited for long."""
        cast(Any, super()).on_response_complete()
        if self._transport.is_closing():
            self._start_taking()
        elif self.cycle is not self._received and self.cycle.response_complete:
            self._rest_bytes = MOST_REST_BYTES
            self._start(REST_WITHIN_S, "slow_body")

    def pause_writing(self) -> None:
        """Wait for the client to take its answers, but not for ever."""
        super().pause_writing()
        self._start_taking()

    def resume_writing(self) -> None:
        """Go on answering."""
        super().resume_writing()
        self._stop_taking()

    def eof_received(self) -> bool:
        """Keep the line for an answer that has not begun, where the other side has said all that it will.

        One that has begun and is not complete is a stream of events: its page was closed, and its place is free.
        """
        cycle = self.cycle
        if cycle is None or cycle.response_started or cycle.more_body or not self._transport.can_write_eof():
            return False
        cycle.keep_alive = False
        return True

    def send_400_response(self, _message: str) -> None:
        """Refuse what the parser could not read, like everything else is refused."""
        if len(self.pipeline) > MOST_PIPELINED:
            self._give_up("too_many_at_once")
            return
        answer = _NO_HTTP.response("")
        head = b"".join(b"%b: %b\r\n" % pair for pair in answer.raw_headers)
        self._transport.write(b"HTTP/1.1 400 Bad Request\r\n%b\r\n%b" % (head, bytes(answer.body)))
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        self._stop_taking()
        self.all_open.leave(self)
        if self._answering is not None:
            # uvicorn says so to the last request alone; one before it would write to a closed socket.
            self._answering.disconnected = True
        super().connection_lost(exc)
        # They would keep each other alive until the collector comes, which it does seldom.
        self.app = self._received = self._answering = self._handshake = None

    def shutdown(self) -> None:
        idle = self.cycle is None or self.cycle.response_complete
        cast(Any, super()).shutdown()
        if idle:
            asyncio.get_running_loop().call_later(CLOSED_WITHIN_S, self._transport.abort)

    def _may_be_whole(self) -> bool:
        route = self.whole_route
        return (
            route is not None
            and self.url == route.path
            and (self.cycle is None or self.cycle.response_complete)
            and not self.expect_100_continue
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and not is_offered(self.parser)
            and route.takes(self.scope)
        )

    def _begin_whole(self, body: bytes) -> None:
        self._body = None
        self.scope[CONNECTION] = self
        request = WholeRequest(self, self.scope, body, keep_alive=self.parser.should_keep_alive())
        self.cycle = self._received = self._answering = request
        task = asyncio.get_running_loop().create_task(request.answer(cast(WholeRoute, self.whole_route)))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _begin_in_pieces(self) -> None:
        """Leave a request to the application whose body comes in pieces."""
        body, self._body = self._body, None
        untyped: Any = super()
        untyped.on_headers_complete()
        if body:
            untyped.on_body(body)

    def _start(self, within_s: float, reason: str) -> None:
        if self._arrival is None:
            self._arrival = asyncio.get_running_loop().call_later(within_s, self._give_up, reason)

    def _stop(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def _start_taking(self) -> None:
        if self._taking is None:
            self._taking = asyncio.get_running_loop().call_later(TAKEN_WITHIN_S, self._give_up, "slow_reader")

    def _stop_taking(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _give_up(self, reason: str) -> None:
        self.all_open.closings.count(reason, self._address)
        self._transport.abort()


def http_protocol(connections: Connections, whole_route: WholeRoute | None = None) -> type[HttpConnection]:
    """Return the class of the connections that count among `connections`; `whole_route` answers beside the application.

    uvicorn picks its parser at import, so the class can only be put together here.
    """
    members = {"all_open": connections, "whole_route": whole_route}
    return type("ParsedConnection", (HttpConnection, AutoHTTPProtocol), members)
