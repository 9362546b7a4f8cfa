"""A connection whose request does not come is closed; uvicorn's own parser reads the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from producers.http import patience

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]


async def _serve(talk: Talk) -> bytes:
    app = PlainTextResponse("well")
    config = uvicorn.Config(app, port=0, http=patience.PatientProtocol, lifespan="off", log_config=None)
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
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a moment only."""
    monkeypatch.setattr(patience, "HEAD_WITHIN_S", 0.2)


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: tq\r\n"])
def test_who_does_not_finish_his_first_request_is_closed(said: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(said)
        return await reader.read()

    assert asyncio.run(_serve(talk)) == b""


def test_a_slow_body_and_a_quiet_connection_are_not() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"POST / HTTP/1.1\r\nHost: tq\r\nContent-Length: 4\r\n\r\nab")
        await asyncio.sleep(0.4)
        writer.write(b"cd")
        await reader.readuntil(b"well")
        await asyncio.sleep(0.4)
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
