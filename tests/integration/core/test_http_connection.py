"""Requests leave in one piece, and what is odd in the head of an answer is read as the standard library does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from workers.core.http_session import observe_nothing, send, session_for

pytestmark = pytest.mark.integration

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

TIMEOUT_S = (5.0, 5.0)


class Raw:
    """A server that answers each request with the next of its `answers`, and keeps what it reads at a time."""

    def __init__(self, listener: socket.socket, answers: list[bytes]) -> None:
        self.port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.pieces: list[bytes] = []
        self.connections = 0
        self._listener, self._answers = listener, answers

    def serve(self) -> None:
        while self._answers:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                while self._answers and (piece := connection.recv(1 << 16)):
                    self.pieces.append(piece)
                    answer = self._answers.pop(0)
                    connection.sendall(answer)
                    if b"Length: 2" not in answer and b"Chunked" not in answer:
                        break


@contextmanager
def raw(*answers: bytes) -> Iterator[Raw]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Raw(listener, list(answers))
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with session_for(ca_file="", proxy="", pool_size=2, observe=observe_nothing) as session:
        yield session


def post(session: requests.Session, url: str, data: bytes = b"[1]", **headers: str) -> requests.Response:
    return send(session, "POST", url, data=data, headers=headers, timeout=TIMEOUT_S)


def test_head_and_body_leave_in_one_piece_with_the_host_first(session: requests.Session) -> None:
    with raw(OK) as server:
        assert post(session, f"{server.url}/api/x?a=b", b"x" * 2_000).content == b"ok"
    (piece,) = server.pieces
    head, _, body = piece.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /api/x?a=b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % server.port)
    assert b"\r\nContent-Length: 2000" in head
    assert body == b"x" * 2_000


def test_a_text_as_body_is_sent_as_utf_8(session: requests.Session) -> None:
    with raw(OK) as server:
        session.post(server.url, data="ä", timeout=TIMEOUT_S)
    assert server.pieces[0].endswith(b"Content-Length: 2\r\n\r\n\xc3\xa4")


def test_requests_share_a_connection_that_stays_open(session: requests.Session) -> None:
    with raw(OK, OK) as server:
        assert [post(session, server.url).content for _ in range(2)] == [b"ok", b"ok"]
    assert server.connections == 1


def test_a_session_that_was_closed_opens_new_connections(session: requests.Session) -> None:
    with raw(OK, OK) as server:
        assert post(session, server.url).content == b"ok"
        session.close()
        assert post(session, server.url).content == b"ok"
    assert server.connections == 2


def test_more_services_than_pools_are_asked_in_turn(session: requests.Session) -> None:
    with raw(OK, OK) as first, raw(OK, OK) as second, raw(OK, OK) as third:
        servers = (first, second, third) * 2
        assert [post(session, server.url).content for server in servers] == [b"ok"] * 6


def test_a_proxy_is_asked_for_the_whole_address_of_the_service() -> None:
    with (
        raw(OK) as proxy,
        session_for(ca_file="", proxy=proxy.url, pool_size=1, observe=observe_nothing) as session,
    ):
        assert post(session, "http://threatq.example:81/api/x").content == b"ok"
    start = b"POST http://threatq.example:81/api/x HTTP/1.1\r\nHost: threatq.example:81\r\n"
    assert proxy.pieces[0].startswith(start)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" + OK,
        b"HTTP/1.0 200 OK\r\n\r\nok",
        b"HTTP/1.1 200\r\nConnection: Close\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: two\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ],
)
def test_heads_of_every_kind_are_read(session: requests.Session, answer: bytes) -> None:
    with raw(answer, OK) as server:
        response = post(session, server.url)
        assert (response.status_code, response.content) == (200, b"ok")
        assert post(session, server.url).content == b"ok"


def test_an_answer_without_content_has_no_body_to_wait_for(session: requests.Session) -> None:
    with raw(b"HTTP/1.1 204 No Content\r\nX-Length: 2\r\n\r\n", OK) as server:
        assert post(session, server.url).content == b""
        assert post(session, server.url).content == b"ok"
    assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"SMTP ready\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200,
        b"HTTP/1.1 200 OK\r\nLong: " + b"x" * 70_000,
    ],
)
def test_heads_that_are_none_break_the_connection(session: requests.Session, answer: bytes) -> None:
    with raw(answer) as server, pytest.raises(requests.ConnectionError, match="Connection aborted"):
        post(session, server.url)


@pytest.mark.parametrize("token", ["a\nX: y", "a\r\n\r\n", "a\n", "a\r", "a–b"])
def test_a_header_that_is_none_is_not_sent(session: requests.Session, token: str) -> None:
    with raw(OK) as server, pytest.raises(requests.exceptions.InvalidHeader):
        post(session, server.url, Authorization=token)
    assert server.pieces == []
