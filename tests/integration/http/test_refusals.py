"""What the HTTP entry point refuses, and how it says so."""

from __future__ import annotations

import gzip
import json
import socket
from pathlib import Path

import pytest
from redis import Redis

from tests.support.producers import READER, TOKEN, Process, Shim, event
from tests.support.waiting import until
from workers.ledger.admin import LedgerAdmin

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "empty"),
        (b"{nonsense}", 400, "not_json"),
        (b"\x1f\x8bnonsense", 400, "bad_gzip"),
        (b"[]", 400, "empty"),
        (b"7", 422, "not_an_object"),
        (b"{}", 422, "no_mapping"),
        (b'{"syslog_message":' + b"[" * 64 + b"]" * 64 + b"}", 422, "too_deep"),
        (json.dumps({"event_name": "x" * 60_000}).encode(), 413, "too_large"),
        (b"[" + b",".join([b"{}"] * 51) + b"]", 413, "too_many_items"),
        (gzip.compress(bytes(300_000)), 413, "body_too_large"),
        (b" " * 300_000, 413, "body_too_large"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_refusal_says_what_is_wrong_first_and_in_short(
    shim: Shim, admin: LedgerAdmin, body: bytes, status: int, code: str
) -> None:
    answer = shim.post("/v1/events", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.content.startswith(b'{"detail":')
    assert len(answer.json()["detail"].encode()) < 200
    assert admin.open_jobs()["events"] == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Encoding": "br"}, 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 415),
        ({"Content-Type": "application/flowfile-v3"}, 415),
        ({"Idempotency-Key": "x" * 300}, 400),
        ({"X-Attribute": "x" * 33_000}, 431),
    ],
)
def test_what_is_not_understood_is_refused_with_a_hint(
    shim: Shim, headers: dict[str, str], status: int
) -> None:
    answer = shim.post("/v1/events", event(), headers={**headers, "X-Request-Id": "r-1"})
    assert answer.status_code == status
    assert answer.json()["detail"]
    assert answer.json()["request_id"] == "r-1"


def test_invokehttps_default_method_is_told_of_post_without_a_redirect(shim: Shim) -> None:
    answer = shim.call("GET", "/v1/events", allow_redirects=False)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "HEAD, POST")
    assert "set HTTP Method to POST" in answer.json()["detail"]


def test_a_sender_at_the_wrong_path_is_told_the_right_one(shim: Shim) -> None:
    for path in ("/", "/v1", "/readyz"):
        answer = shim.post(path, event(), headers={"X-Request-Id": "r-1"})
        assert answer.status_code in (404, 405)
        assert "payloads go to POST /v1/events" in answer.json()["detail"]
        assert answer.json()["request_id"] == "r-1"


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/v1/events?atomc=true", "atomic"),
        ("/v1/events?Wait=5", "wait"),
        ("/v1/events:validate?maping=x", "mapping"),
        ("/v1/actions/lookup?wiat=5", "wait"),
    ],
)
def test_a_misspelt_parameter_is_not_passed_over_and_what_a_webhook_adds_is(
    path: str, meant: str, shim: Shim
) -> None:
    answer = shim.post(path, event())
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_query")
    assert answer.json()["detail"].endswith(f"did you mean {meant}?")
    assert shim.post("/v1/events?source=nifi&token=x", event()).status_code == 202


def test_no_request_without_a_token_and_its_scope_sends_or_reads(shim: Shim, admin: LedgerAdmin) -> None:
    assert shim.post("/v1/events", event(), token="open").status_code == 401
    assert shim.post("/v1/events", event(), token=READER).status_code == 403
    assert shim.call("GET", "/metrics", token="open").status_code == 401
    assert shim.post("/v1/actions/lookup", {}, token=READER).status_code == 403
    assert admin.open_jobs()["events"] == 0


def test_above_the_high_water_mark_nifi_is_asked_to_come_later(
    shim: Shim, redis: Redis, admin: LedgerAdmin
) -> None:
    # The mark of this shim is 50 open jobs.
    assert shim.post("/v1/events", [event(n) for n in range(50)]).status_code == 202
    answer = shim.post("/v1/events", event(50))
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert int(answer.headers["Retry-After"]) >= 1
    assert shim.call("GET", "/readyz").status_code == 503
    assert admin.open_jobs()["events"] == 50


def test_a_redis_that_fills_asks_to_come_later_long_before_it_is_full(shim: Shim, admin: LedgerAdmin) -> None:
    used = admin.redis.info("memory")["used_memory"]
    admin.redis.config_set("maxmemory", int(used * 1.2))
    try:
        answer = shim.post("/v1/events", event(1))
        ready = shim.call("GET", "/readyz")
    finally:
        admin.redis.config_set("maxmemory", 0)
    assert (ready.status_code, ready.json()["detail"]) == (503, answer.json()["detail"])
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert int(answer.headers["Retry-After"]) >= 1
    assert admin.open_jobs()["events"] == 0


def test_a_redis_that_takes_no_writes_is_named_and_the_entry_point_not_ready(
    shim: Shim, redis: Redis
) -> None:
    assert shim.call("GET", "/readyz").status_code == 200
    redis.replicaof("127.0.0.1", 1)
    try:
        answers = shim.post("/v1/events", event(1)), shim.call("GET", "/readyz")
    finally:
        redis.replicaof("NO", "ONE")
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (503, "redis_away")
        assert "this Redis is a replica and takes no writes" in answer.json()["detail"]


def test_above_so_many_requests_in_hand_the_next_is_asked_to_come_later(
    redis_url: str, tmp_path: Path
) -> None:
    with Shim(tmp_path, redis_url, http_max_requests="1") as shim:
        # Given a request whose body does not come
        with socket.create_connection(("127.0.0.1", shim.port)) as slow:
            slow.sendall(
                f"POST /v1/events HTTP/1.1\r\nHost: tq\r\nAuthorization: Bearer {TOKEN}\r\n"
                "Content-Length: 9\r\n\r\n".encode()
            )
            # When another one comes, then it is asked to come later, and what needs no token is answered
            until(lambda: shim.post("/v1/events", event(1)).status_code == 503)
            answer = shim.post("/v1/events", event(1))
            assert (answer.json()["code"], answer.headers["Retry-After"]) == ("busy", "1")
            assert shim.call("GET", "/healthz").status_code == 200
        until(lambda: shim.post("/v1/events", event(1)).status_code == 202)


def test_a_full_quarantine_asks_to_come_later_and_keeps_what_was_accepted(
    shim: Shim, admin: LedgerAdmin
) -> None:
    # This shim keeps 20 unreadable items.
    assert shim.post("/v1/events", [event(1), *range(20)]).status_code == 202
    answer = shim.post("/v1/events", [event(2), 21])
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert shim.post("/v1/events", [event(2)]).json()["items"][0]["duplicate"] is True


@pytest.mark.parametrize(
    ("options", "environ", "remedy"),
    [
        ([], {}, "TQ_HTTP_TOKENS"),
        (["--insecure-no-auth", "--host", "0.0.0.0"], {}, "this machine alone"),
        ([], {"TQ_HTTP_TOKENS": "a:b:c:d"}, "entry 1"),
    ],
)
def test_it_refuses_to_be_open_by_mistake(
    tmp_path: Path, options: list[str], environ: dict[str, str], remedy: str
) -> None:
    process = Process("tq-http-shim", tmp_path, environ, "--port", "0", *options)
    assert process.process.wait(timeout=30) == 2
    assert remedy in (tmp_path / "tq-http-shim.log").read_text()
