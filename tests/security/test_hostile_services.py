"""A service that answers too much, too deeply, too slowly or without end costs one call, and never the worker."""

from __future__ import annotations

import gzip
import itertools
import json
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from sandbox.logrhythm.tokens import mint
from tests.support.sandbox_logrhythm import summary_of
from tests.support.scripted import Answer, Asked, scripted
from workers.core import http_answers
from workers.core.errors import ServiceAway, TqError
from workers.logrhythm import lists, owners
from workers.logrhythm.client import LogRhythm
from workers.logrhythm.entries import Entries
from workers.logrhythm.errors import ListTooLong
from workers.logrhythm.model import summary
from workers.logrhythm.owners import fetch_people
from workers.settings.model import Secret, Settings
from workers.threatq import client, collections
from workers.threatq.client import pages
from workers.threatq.collections import Collection, read_pages
from workers.threatq.rows import Row
from workers.threatq.transport import Transport

pytestmark = pytest.mark.integration

#: Reads one answer of the service at an address, with a second to wait for its next byte at most.
Reader = Callable[[str, float], Any]


def settings(url: str, wait_s: float = 10.0) -> Settings:
    """Settings in which both services are at `url`."""
    return Settings(
        threatq_url=url,
        threatq_read_timeout_s=wait_s,
        logrhythm_url=url,
        logrhythm_token=Secret(mint()),
        logrhythm_read_timeout_s=wait_s,
        logrhythm_list_timeout_s=wait_s,
    )


def logrhythm(url: str, wait_s: float = 10.0) -> LogRhythm:
    return LogRhythm(settings(url, wait_s), sleep=lambda _: None)


def of_threatq(url: str, wait_s: float = 10.0) -> Any:
    return Transport(settings(url, wait_s)).send("GET", "/api/indicators")


def of_threatq_typed(url: str, wait_s: float = 10.0) -> Any:
    return Transport(settings(url, wait_s)).send("GET", "/api/indicators", type=dict[str, list[Row]])


def of_logrhythm(url: str, wait_s: float = 10.0) -> Any:
    return logrhythm(url, wait_s).permissions()


def of_a_list(url: str, wait_s: float = 10.0) -> list[list[str]]:
    return list(Entries(logrhythm(url, wait_s).transport).read_blocks(LIST, at_most=1_000))


LIST = summary(summary_of("ThreatQ: FQDN", guid="G1"))

READERS = [of_threatq, of_threatq_typed, of_logrhythm, of_a_list]
EACH = pytest.mark.parametrize("read", READERS)

#: The bound of an answer, once as pieces and once as a whole.
MOST_MEMORY = 2.5 * http_answers.MOST_BYTES

DEEP = b"[" * 900 + b"]" * 900
VERY_DEEP = b'{"a":' * 200_000


def answering(body: bytes, status: int = 200, **headers: str) -> Callable[[Asked], Answer]:
    def script(_asked: Asked) -> Answer:
        return Answer(body, status, {name.replace("_", "-"): value for name, value in headers.items()})

    return script


def memory_of_a_refusal(read: Reader, url: str) -> int:
    """Return the bytes that a reader has at most while it reads an answer, which must end as a service that is away."""
    tracemalloc.start()
    try:
        with pytest.raises(ServiceAway):
            read(url, 10.0)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@EACH
def test_an_answer_that_inflates_without_end_is_not_taken_into_memory(read: Reader) -> None:
    # Given 200 kB on the wire that inflate to 200 MB
    bomb = gzip.compress(b'{"data": "' + b"x" * 200_000_000 + b'"}', 1)
    with scripted(answering(bomb, Content_Encoding="gzip")) as server:
        assert memory_of_a_refusal(read, server.url) < MOST_MEMORY


@EACH
@pytest.mark.parametrize(
    "body", [DEEP, VERY_DEEP, b'{"items": [' + VERY_DEEP], ids=["deep", "deeper", "items"]
)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_an_answer_that_is_nested_without_end_is_an_error_of_the_service(
    read: Reader, body: bytes, status: int
) -> None:
    with scripted(answering(body, status)) as server, pytest.raises(TqError):
        read(server.url, 10.0)


@EACH
def test_millions_of_values_in_few_bytes_are_not_decoded(read: Reader) -> None:
    body = b'{"data": [' + b"{}," * 5_000_000 + b"{}]}"
    with scripted(answering(body)) as server:
        assert memory_of_a_refusal(read, server.url) < MOST_MEMORY


@contextmanager
def trickling(head: bytes) -> Iterator[str]:
    """Serve an answer that begins with `head` and then goes on for ever, a byte every 20 ms."""
    ended = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65_536)
            connection.sendall(head)
            while not ended.wait(0.02):
                connection.sendall(b"x")

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)


@EACH
@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"],
    ids=["head", "body"],
)
def test_an_answer_that_trickles_for_ever_ends(read: Reader, head: bytes) -> None:
    # Given a service whose next byte always comes within the time that one may take
    with trickling(head) as url, pytest.raises(ServiceAway):
        read(url, 0.1)


def test_a_list_of_threatq_without_end_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MOST_ROWS", 1_000)
    numbers = itertools.count(1)

    def more(_asked: Asked) -> Answer:
        return Answer({"total": 10**12, "data": [{"id": next(numbers)} for _ in range(100)]})

    class Caller:
        base = ""

        def call(self, method: str, path: str, **_: Any) -> Any:
            return Transport(settings(server.url)).send(method, path)

    with scripted(more) as server, pytest.raises(ServiceAway, match="does not end"):
        list(pages(Caller(), "/api/events", {}, size=100))


def test_a_data_collection_without_end_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collections, "MOST_ROWS", 1_000)
    numbers = itertools.count(1)

    class Caller:
        base = ""

        def call(self, method: str, path: str, *, type: Any, **_: Any) -> Any:
            return Transport(settings(server.url)).send(method, path, type=type)

    def more(_asked: Asked) -> Answer:
        data = [{"id": next(numbers), "value": "x"} for _ in range(100)]
        return Answer({"data": data, "nextCursorMark": str(next(numbers))})

    with scripted(more) as server, pytest.raises(ServiceAway, match="does not end"):
        list(read_pages(Caller(), Collection("Any", {"criteria": {}}), size=100))


def test_lists_of_logrhythm_without_end_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MOST_PAGES", 5)
    numbers = itertools.count(1)

    def more(_asked: Asked) -> Answer:
        return Answer(
            [summary_of(f"L{number}", guid=f"G{number}") for number in itertools.islice(numbers, 100)]
        )

    with scripted(more) as server, pytest.raises(ServiceAway, match="does not end"):
        list(logrhythm(server.url).lists.every())


def test_people_of_logrhythm_without_end_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "MOST_PEOPLE", 2_000)
    numbers = itertools.count(1)

    def more(_asked: Asked) -> Answer:
        return Answer(
            [{"id": number, "lastName": "x"} for number in itertools.islice(numbers, owners.PAGE_SIZE)]
        )

    with scripted(more) as server, pytest.raises(ServiceAway, match="does not end"):
        fetch_people(logrhythm(server.url).transport, v751=True)


def test_a_list_with_more_entries_than_were_asked_for_is_not_read_to_its_end() -> None:
    items = [{"value": f"host-{number}.example"} for number in range(50_000)]
    body = json.dumps({**summary_of("ThreatQ: FQDN", listItemsCount=10), "items": items}).encode()
    with scripted(answering(body)) as server, pytest.raises(ListTooLong):
        of_a_list(server.url)


def test_what_threatq_repeats_of_a_long_request_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a bound of 1 MB, and an event with 2 MB of text that ThreatQ escapes when it answers
    monkeypatch.setattr(http_answers, "MOST_BYTES", 1 << 20)
    text = "ü" * 1_000_000

    def repeats(asked: Asked) -> Answer:
        return Answer(json.dumps({"data": asked.json}).encode())

    with scripted(repeats) as server:
        answer = Transport(settings(server.url)).send(
            "POST", "/api/events/consume", json=[{"description": text}]
        )
    assert answer == {"data": [{"description": text}]}
