"""Byte for byte what InvokeHTTP and PostHTTP put on the wire, as far as their sources say."""

from __future__ import annotations

import base64
import gzip
import json
import socket

import pytest

from tests.support.producers import TOKEN, Shim, event, read_answer
from workers.ledger.admin import LedgerAdmin

pytestmark = pytest.mark.integration

#: A record as CloudTrail writes it.
RECORD = {
    "eventVersion": "1.08",
    "eventName": "StopLogging",
    "eventSource": "cloudtrail.amazonaws.com",
    "eventTime": "2026-01-02T03:04:05Z",
    "awsRegion": "eu-central-1",
    "sourceIPAddress": "45.77.1.2",
    "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/ann"},
}


def opening(*lines: str) -> bytes:
    user = base64.b64encode(f"nifi:{TOKEN}".encode()).decode()
    first = [
        "POST /v1/events HTTP/1.1",
        f"Authorization: Basic {user}",
        "Date: Sat, 21 Nov 2026 23:00:00 GMT",
    ]
    rest = ["Host: tq:8070", "Connection: Keep-Alive", "User-Agent: "]
    return "\r\n".join([*first, *lines, *rest]).encode() + b"\r\n\r\n"


def test_a_post_with_an_empty_user_agent_and_attributes_as_headers(shim: Shim) -> None:
    body = json.dumps(event()).encode()
    head = opening(
        "uuid: 5b7b0f0e-6d1c-4d6f-8b8e-0f6f0b4b6a52",
        "filename: 5b7b0f0e",
        "path: ./",
        "Content-Type: application/octet-stream",
        f"Content-Length: {len(body)}",
    )
    status, _, answer = shim.raw(head + body)
    assert status == 202
    assert json.loads(answer)["duplicate"] is False


def test_chunked_gzip_as_content_encoding_makes_it(shim: Shim) -> None:
    body = gzip.compress(json.dumps([event(1), event(2)]).encode())
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:10], body[10:])) + b"0\r\n\r\n"
    head = opening("Content-Encoding: gzip", "Content-Type: application/json", "Transfer-Encoding: chunked")
    status, _, answer = shim.raw(head + chunks)
    assert status == 202
    assert json.loads(answer)["success_count"] == 2


def test_gzip_in_gzip_of_a_compressing_writer(shim: Shim) -> None:
    body = gzip.compress(gzip.compress(json.dumps(event()).encode()))
    head = opening("Content-Encoding: gzip", f"Content-Length: {len(body)}")
    assert shim.raw(head + body)[0] == 202


def test_a_resend_after_a_dropped_connection_makes_no_second_job(shim: Shim, admin: LedgerAdmin) -> None:
    body = json.dumps(event()).encode()
    request = opening("Idempotency-Key: 5b7b0f0e", f"Content-Length: {len(body)}") + body
    statuses = [shim.raw(request)[0] for _ in range(3)]
    assert statuses == [202, 202, 202]
    assert admin.open_jobs()["events"] == 1


def test_the_probe_of_posthttp_learns_that_gzip_is_welcome(shim: Shim) -> None:
    request = b"HEAD /v1/events HTTP/1.1\r\nHost: tq\r\nUser-Agent: \r\n\r\n"
    status, headers, body = shim.raw(request)
    assert (status, headers["accept-encoding"], body) == (200, "gzip", b"")


def test_a_body_that_stops_in_the_middle_makes_no_job(shim: Shim, admin: LedgerAdmin) -> None:
    body = json.dumps(event()).encode()
    with pytest.raises(AssertionError, match="closed"):
        shim_closes(shim, opening(f"Content-Length: {len(body) + 10}") + body)
    assert shim.call("GET", "/healthz").status_code == 200
    assert admin.open_jobs()["events"] == 0


def shim_closes(shim: Shim, request: bytes) -> None:
    with socket.create_connection(("127.0.0.1", shim.port), timeout=30) as link:
        link.sendall(request)
        link.shutdown(socket.SHUT_WR)
        read_answer(link)


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (json.dumps({"Records": [RECORD, {**RECORD, "eventName": "DeleteTrail"}]}), 2),
        (f"{json.dumps(RECORD)}\n{json.dumps({**RECORD, 'eventName': 'DeleteTrail'})}", 2),
        ("CEF:0|Acme|Gate|1|7|Beacon|8|src=45.77.1.2 dst=10.1.2.3", 1),
    ],
    ids=("a file of CloudTrail", "records of CloudTrail", "a line of CEF"),
)
def test_what_detections_wrote_is_taken_without_jolt_by_the_properties_of_the_page(
    shim: Shim, admin: LedgerAdmin, body: str, events: int
) -> None:
    data = body.encode()
    head = opening(
        "Content-Type: application/json", f"Idempotency-Key: {TOKEN[:8]}", f"Content-Length: {len(data)}"
    )
    for _ in range(2):
        assert shim.raw(head + data)[0] == 202
    assert admin.open_jobs()["events"] == events
