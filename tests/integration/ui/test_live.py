"""Server-sent events of the status page: when they come, how many streams there may be, and when one ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from producers.http.ui.live import MOST_OF_SESSION
from tests.integration.ui.letters import accept
from tests.support.browsing import Visitor
from tests.support.producers import READER, Shim
from tests.support.waiting import until
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
