"""Server-sent events of the status page: when they come, how many streams there may be, and when one ends."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from producers.http.ui.live import BEAT_S, MOST_OF_SESSION, Streams
from tests.integration.ui.letters import accept
from tests.support.browsing import Visitor
from tests.support.producers import READER, Shim
from tests.support.waiting import until
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger

pytestmark = pytest.mark.integration


def stream(visitor: Visitor) -> requests.Response:
    return visitor.http.get(f"{visitor.url}/live", stream=True, timeout=30)


def events(answer: requests.Response) -> Iterator[str]:
    """The lines of events as they come."""
    return (line for line in answer.iter_lines(decode_unicode=True) if line)


def test_an_event_comes_once_something_has_changed(reader: Visitor, ledger: Ledger) -> None:
    with closing(stream(reader)) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert (answer.headers["X-Accel-Buffering"], answer.headers["Cache-Control"]) == (
            "no",
            "no-store, no-transform",
        )
        assert "connect-src 'self'" in answer.headers["Content-Security-Policy"]
        lines = events(answer)
        assert next(lines).startswith("retry: ")
        first = next(lines)
        # When a job comes in, then another event tells so, and carries nothing of it
        accept(ledger, "a secret title")
        second = next(lines)
    assert first.startswith("data: ")
    assert second.startswith("data: ")
    assert first != second
    assert len(second) == len("data: ") + 16


def test_a_stream_ends_with_its_session(reader: Visitor) -> None:
    with closing(stream(reader)) as answer:
        lines = events(answer)
        assert next(lines).startswith("retry: ")
        # When the user signs out in another window
        other = Visitor(reader.url)
        other.http.cookies.update(reader.http.cookies)
        other.send("/", "/sign-out")
        other.http.close()
        # Then the page is told, and the stream is over
        assert "event: end" in list(lines)


def test_a_session_has_so_many_streams_and_gets_a_place_back(reader: Visitor) -> None:
    answers = [stream(reader) for _ in range(MOST_OF_SESSION)]
    # Kept, since a reading that is let go closes its connection, and so frees the place.
    readings = [events(answer) for answer in answers]
    assert all(next(reading).startswith("retry: ") for reading in readings)
    with closing(stream(reader)) as refused:
        assert (refused.status_code, int(refused.headers["Retry-After"]) > 0) == (503, True)
    for answer in answers:
        answer.close()

    def is_open() -> bool:
        with closing(stream(reader)) as answer:
            return answer.status_code == 200

    assert until(is_open, within_s=20)


def test_a_page_that_is_closed_frees_its_place_at_once(reader: Visitor) -> None:
    # Given a stream of a browser, which ends its side of the connection when the page is left
    cookie = reader.http.cookies["tq"]
    host, port = urlsplit(reader.url).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=BEAT_S - 5) as link:
        link.sendall(f"GET /live HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: tq={cookie}\r\n\r\n".encode())
        came = b""
        while b"retry: " not in came:
            came += link.recv(4096)
        link.shutdown(socket.SHUT_WR)
        # Then its stream is over, long before the next event would have found that out
        assert b"session" not in b"".join(iter(lambda: link.recv(4096), b""))


def test_a_look_that_is_under_way_is_no_end_of_the_session(admin: LedgerAdmin) -> None:
    # Given two streams that begin at once, the second while the first one looks at the ledger for both
    looks_at, goes_on = threading.Event(), threading.Event()

    class SlowAdmin(LedgerAdmin):
        def counts(self) -> dict[str, int]:
            looks_at.set()
            assert goes_on.wait(10)
            return super().counts()

    streams = Streams(SlowAdmin(admin.redis))
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(streams.digest)
        assert looks_at.wait(10)
        second = threads.submit(streams.digest)
        goes_on.set()
        # Then both get the same
        assert second.result() == first.result() != ""


def test_who_is_not_signed_in_gets_no_stream(visitor: Visitor) -> None:
    assert visitor.http.get(f"{visitor.url}/live", allow_redirects=False, timeout=10).status_code == 303


def test_an_entry_point_that_is_asked_to_close_does_not_wait_for_streams(
    redis_url: str, tmp_path: Path
) -> None:
    with Shim(tmp_path, redis_url, http_drain_s="20") as shim:
        visitor = Visitor(shim.url)
        visitor.sign_in(READER)
        with closing(stream(visitor)) as answer:
            assert next(events(answer)).startswith("retry: ")
            began = time.monotonic()
            assert shim.stop() == 0
            assert time.monotonic() - began < 15
        visitor.http.close()
