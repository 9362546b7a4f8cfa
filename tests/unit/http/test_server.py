"""A connection whose request does not come is closed, and a sender that sent one gets its answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import msgspec
import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from producers.http import server as http_server
from producers.http.connections import Connections
from producers.http.request import WHOLE_BODY
from workers.settings.model import Settings

#: Bytes that no buffer of this machine holds.
LARGE = 50_000_000

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    # As long as Redis may take: whatever else the sender has to say is here by then.
    await asyncio.sleep(0.05)
    await PlainTextResponse(body + b" well")(scope, receive, send)


class _Whole:
    """Answers whole requests with their body."""

    path = b"/whole"

    def takes(self, scope: Scope) -> bool:
        return (b"odd", b"yes") not in scope["headers"]

    async def answer(self, scope: Scope) -> Response:
        await asyncio.sleep(0.01)
        return PlainTextResponse(scope[WHOLE_BODY] + b" at once")


async def _serve(talk: Talk, app: ASGIApp = _echo) -> bytes:
    connections = Connections(Settings(), CollectorRegistry())
    http = http_server.http_protocol(connections, _Whole())
    config = uvicorn.Config(app, port=0, http=http, lifespan="off", log_config=None)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answer = await asyncio.wait_for(talk(reader, writer), 10)
        writer.close()
        return answer
    finally:
        await server.shutdown()


@pytest.fixture(autouse=True)
def short_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a request's head take a fifth of a second."""
    monkeypatch.setattr(http_server, "HEAD_WITHIN_S", 0.2)


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: tq\r\n"])
def test_a_client_that_does_not_finish_its_first_request_is_closed(said: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(said)
        return await reader.read()

    assert asyncio.run(_serve(talk)) == b""


def test_a_slow_body_and_a_quiet_connection_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    # On a busy machine even a head takes more than the tenths of a second of the other tests.
    monkeypatch.setattr(http_server, "HEAD_WITHIN_S", 1.0)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"POST / HTTP/1.1\r\nHost: tq\r\nContent-Length: 4\r\n\r\nab")
        await asyncio.sleep(1.2)
        writer.write(b"cd")
        await reader.readuntil(b"well")
        await asyncio.sleep(1.2)
        writer.write(b"GET / HTTP/1.1\r\nHost: tq\r\nConnection: close\r\n\r\n")
        return await reader.read()

    assert asyncio.run(_serve(talk)).endswith(b"well")


def test_a_later_request_that_comes_byte_by_byte_is_closed() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET / HTTP/1.1\r\nHost: tq\r\n\r\n")
        await reader.readuntil(b"well")
        writer.write(b"GET / HT")
        return await reader.read()

    assert asyncio.run(_serve(talk)) == b""


@pytest.mark.parametrize(
    "offer",
    [
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        b"connection: upgrade\r\nupgrade: TLS/1.3\r\n",
    ],
)
def test_an_offer_to_change_the_protocol_costs_no_body_and_no_later_request(offer: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        # As Java's client sends it: the head, then the body.
        writer.write(b"POST / HTTP/1.1\r\nHost: tq\r\n" + offer + b"Content-Length: 23\r\n\r\n")
        await asyncio.sleep(0)
        writer.write(b"upgrade: no\r\nupgrade: x")
        await reader.readuntil(b"upgrade: no\r\nupgrade: x well")
        writer.write(
            b"POST / HTTP/1.1\r\nHost: tq\r\n" + offer + b"Content-Length: 11\r\nConnection: close\r\n\r\n"
        )
        writer.write(b"upgrade: me")
        return await reader.read()

    assert asyncio.run(_serve(talk)).endswith(b"upgrade: me well")


def test_the_rest_of_a_body_whose_request_is_answered_is_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_server, "REST_WITHIN_S", 0.2)

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("no", 401)(scope, receive, send)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        # Given a request that is refused before its body has come
        writer.write(b"POST / HTTP/1.1\r\nHost: tq\r\nContent-Length: 9\r\n\r\na")
        # Then the sender gets the answer, and is closed where nothing follows
        return await reader.read()

    assert asyncio.run(_serve(talk, refuse)).endswith(b"no")


def test_a_client_that_does_not_take_its_answer_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "TAKEN_WITHIN_S", 0.2)

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(b" " * LARGE)(scope, receive, send)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        # Given an answer larger than all buffers, of which nothing is read
        writer.write(b"GET / HTTP/1.1\r\nHost: tq\r\n\r\n")
        await asyncio.to_thread(closed.wait, 5)
        return await reader.read()

    # Then the connection is closed before its end
    closed = threading.Event()
    monkeypatch.setattr(Connections, "leave", lambda *_: closed.set())
    assert len(asyncio.run(_serve(talk, large))) < LARGE


@pytest.mark.parametrize("at", [1, 30, 60, 100, 150, 170])
@pytest.mark.parametrize(
    "length", [b"Content-Length: 2\r\n\r\nab", b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"]
)
def test_requests_that_come_at_once_keep_their_bodies_however_they_are_cut(at: int, length: bytes) -> None:
    # Given three requests in one, of which each offers another protocol
    head = b"POST / HTTP/1.1\r\nHost: tq\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
    last = b"GET / HTTP/1.1\r\nHost: tq\r\nConnection: close\r\n\r\n"
    said = head + length + head + length.replace(b"ab", b"cd") + last

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        # When they arrive in two parts
        writer.write(said[:at])
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.write(said[at:])
        return await reader.read()

    # Then each is answered in turn with its own body
    answers = asyncio.run(_serve(talk)).split(b"HTTP/1.1 200 OK")[1:]
    assert [answer.partition(b"\r\n\r\n")[2] for answer in answers] == [b"ab well", b"cd well", b" well"]


#: Heads of requests, and what answers them where their body comes with them.
HEADS = {
    b"POST /whole HTTP/1.1\r\nHost: tq\r\n": b" at once",
    b"POST /whole HTTP/1.1\r\nodd: yes\r\n": b" well",
    b"POST /whole?wait=1 HTTP/1.1\r\nHost: tq\r\n": b" well",
    b"PUT /whole HTTP/1.1\r\nHost: tq\r\n": b" well",
    b"POST /whole HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n": b" well",
    b"POST /whole HTTP/1.1\r\nExpect: 100-continue\r\n": b" well",
}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize(
    "length", [b"Content-Length: 2\r\n\r\nab", b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"]
)
def test_only_an_ordinary_request_that_comes_whole_is_answered_beside_the_application(
    head: bytes, length: bytes
) -> None:
    # Given two requests at once, one that comes in pieces, and one that closes the connection
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write((head + length) * 2)
        both = await reader.readuntil(HEADS[head]) + await reader.readuntil(b" well")
        for part in (head + length[:-1], length[-1:]):
            writer.write(part)
            await asyncio.sleep(0.01)
        pieces = await reader.readuntil(b" well")
        writer.write(head + b"Connection: close\r\n" + length)
        return both + pieces + await reader.read()

    # Then each is answered in turn with its own body, by what it is for
    answers = (
        asyncio.run(_serve(talk)).replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"").split(b"HTTP/1.1 200 OK\r\n")
    )
    assert [answer.partition(b"\r\n\r\n")[2] for answer in answers[1:]] == [
        b"ab" + HEADS[head],
        b"ab well",
        b"ab well",
        b"ab" + HEADS[head],
    ]


def test_thousands_of_requests_at_once_are_not_even_read() -> None:
    started: list[str] = []

    async def count(scope: Scope, receive: Receive, send: Send) -> None:
        started.append(scope["path"])
        await PlainTextResponse("x")(scope, receive, send)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        # When a client sends more than ever wait for one another
        writer.write(b"GET / HTTP/1.1\r\n\r\n" * 5_000)
        return await reader.read()

    # Then it is closed after the few that were read
    asyncio.run(_serve(talk, count))
    assert len(started) <= http_server.MOST_PIPELINED + 1


def test_a_client_that_has_said_all_and_only_listens_gets_its_answer() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"POST / HTTP/1.1\r\nHost: tq\r\nContent-Length: 2\r\n\r\nab")
        writer.write_eof()
        return await reader.read()

    assert asyncio.run(_serve(talk)).endswith(b"ab well")


@pytest.mark.parametrize("said", [b"", b"POST / HTTP/1.1\r\nHost: tq\r\nContent-Length: 9\r\n\r\nab"])
def test_a_client_that_hangs_up_before_it_has_said_all_gets_none(said: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(said)
        writer.write_eof()
        return await reader.read()

    assert asyncio.run(_serve(talk)) == b""


@pytest.mark.parametrize(
    "said", [b"nonsense\r\n\r\n", bytes.fromhex("160301020001"), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
)
def test_what_is_no_http_is_told_so_like_everything_else(said: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(said)
        return await reader.read()

    head, _, body = asyncio.run(_serve(talk)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in head
    assert msgspec.json.decode(body)["code"] == "not_http"
