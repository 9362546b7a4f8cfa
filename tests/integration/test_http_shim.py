"""The HTTP door as a process: what it answers, and what is in the ledger then."""

from __future__ import annotations

import base64
import gzip
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.doors import READER, TOKEN, Process, Shim, read_answer
from workers.jobs import Job
from workers.ledger.desk import Desk
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine
from workers.ledger.records import dead, done

pytestmark = pytest.mark.integration


def event(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "event_name": f"event {number}",
        "event_type": "Sighting",
        "event_happened_at": 1633460462,
        **fields,
    }


def enveloped(number: int) -> dict[str, Any]:
    return {"specversion": "1.0", "id": str(number), "source": "/s", "type": "t", "data": event(number)}


class TestPayloads:
    def test_one_payload_is_in_the_ledger_when_the_answer_is_202(
        self, shim: Shim, desk: Desk, example_payload: dict[str, object]
    ) -> None:
        answer = shim.post("/v1/events", example_payload)
        assert answer.status_code == 202
        job_id = answer.json()["id"]
        assert desk.arguments(job_id) == {"payload": example_payload}
        record = desk.record(job_id)
        assert record is not None
        assert (record.door, record.title) == ("http", example_payload["event_name"])
        assert answer.json() == {
            "id": job_id,
            "status": "queued",
            "duplicate": False,
            "status_url": f"/v1/jobs/{job_id}",
        }

    def test_the_same_payload_again_answers_the_first_job_whichever_door_it_came_through(
        self, shim: Shim, ledger: Ledger, desk: Desk
    ) -> None:
        (first,) = ledger.accept([Job("events.create", {"payload": event()}, door="cli")])
        answer = shim.post("/v1/events/", event()).json()
        assert (answer["id"], answer["duplicate"]) == (first.id, True)
        assert desk.open_jobs()["events"] == 1

    @pytest.mark.parametrize(
        "body",
        [
            json.dumps([event(1), event(2)]),
            json.dumps(event(1)) + "\n" + json.dumps(event(2)) + "\n",
            json.dumps(event(1)) + json.dumps(event(2)),
            json.dumps([enveloped(1), enveloped(2)]),
        ],
        ids=["array", "one a line", "in a row", "CloudEvents"],
    )  # fmt: skip
    @pytest.mark.parametrize("packed", [False, True])
    def test_several_payloads_are_answered_in_their_order(
        self, shim: Shim, desk: Desk, body: str, packed: bool
    ) -> None:
        data = gzip.compress(body.encode()) if packed else body.encode()
        answer = shim.post("/v1/events", data, headers={"Content-Type": "application/octet-stream"})
        assert answer.status_code == 202
        items = answer.json()["items"]
        assert [desk.arguments(item["id"]) for item in items] == [{"payload": event(n)} for n in (1, 2)]
        batch = shim.call("GET", answer.json()["status_url"]).json()
        assert (batch["status"], batch["pending_count"]) == ("pending", 2)

    def test_a_bad_item_costs_no_good_one_and_is_kept(self, shim: Shim, desk: Desk, redis: Redis) -> None:
        answer = shim.post("/v1/events", [event(1), {"event_name": "no type"}, 7])
        assert answer.status_code == 202
        assert (answer.json()["success_count"], answer.json()["failure_count"]) == (1, 2)
        quarantine = Quarantine(redis)
        for item in answer.json()["items"][1:]:
            kept = quarantine.item(item["quarantine_id"])
            assert kept is not None
            assert (kept.door, kept.source, kept.code) == ("http", "nifi", item["code"])
            assert kept.reason == item["detail"]
        assert desk.open_jobs()["events"] == 1

    def test_all_or_nothing_accepts_nothing_of_a_batch_with_a_bad_item(
        self, shim: Shim, desk: Desk, redis: Redis
    ) -> None:
        answer = shim.post("/v1/events?atomic=true", [event(1), {"event_name": "no type"}])
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["index"] == 1
        assert desk.open_jobs()["events"] == Quarantine(redis).count() == 0

    def test_a_key_makes_repeats_safe_and_another_payload_under_it_is_refused(self, shim: Shim) -> None:
        headers = {"Idempotency-Key": '"a-uuid"'}
        first = shim.post("/v1/events", event(1), headers=headers).json()
        again = shim.post("/v1/events", event(1), headers={"Idempotency-Key": "a-uuid"}).json()
        other = shim.post("/v1/events", event(2), headers=headers)
        assert (again["id"], again["duplicate"]) == (first["id"], True)
        assert (other.status_code, other.json()["code"]) == (422, "key_reused")
        assert shim.post("/v1/events?atomic=1", [event(3), event(4)], headers=headers).status_code == 202
        assert shim.post("/v1/events?atomic=1", [event(5), event(4)], headers=headers).status_code == 422

    def test_of_two_batches_at_once_under_one_key_one_is_accepted_whole_and_the_other_not_at_all(
        self, shim: Shim, desk: Desk
    ) -> None:
        def send(batch: tuple[int, int, int]) -> int:
            race, first, last = batch
            events = [event(number) for number in range(first, last)]
            key = {"Idempotency-Key": f"race-{race}"}
            return int(shim.post("/v1/events?atomic=true", events, headers=key).status_code)

        races = [(race, start, start + 5) for race in range(5) for start in (race * 10, race * 10 + 5)]
        with ThreadPoolExecutor(4) as pool:
            statuses = list(pool.map(send, races))
        assert [sorted(statuses[at : at + 2]) for at in range(0, 10, 2)] == [[202, 422]] * 5
        assert desk.open_jobs()["events"] == 25

    def test_all_or_nothing_sees_two_payloads_under_one_key_in_the_same_batch(
        self, shim: Shim, desk: Desk
    ) -> None:
        envelope = {"specversion": "1.0", "id": "7", "source": "aws", "type": "detection"}
        events = [{**envelope, "data": event(1)}, event(3), {**envelope, "data": event(2)}]
        answer = shim.post("/v1/events?atomic=true", events)
        assert (answer.status_code, answer.json()["code"]) == (422, "key_reused")
        assert desk.open_jobs()["events"] == 0

    def test_a_flow_builder_sees_the_plan_and_nothing_is_accepted(
        self, shim: Shim, desk: Desk, example_payload: dict[str, object]
    ) -> None:
        answer = shim.post("/v1/events:validate", [example_payload, {}]).json()
        assert [item["valid"] for item in answer["items"]] == [True, False]
        assert answer["items"][0]["plan"]["title"] == example_payload["event_name"]
        assert desk.open_jobs()["events"] == 0


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            (b"", 400, "empty"),
            (b"{nonsense}", 400, "not_json"),
            (b"\x1f\x8bnonsense", 400, "bad_gzip"),
            (b"[]", 400, "empty"),
            (b"7", 422, "not_an_object"),
            (b"{}", 422, "invalid_event"),
            (b'{"syslog_message":' + b"[" * 64 + b"]" * 64 + b"}", 422, "too_deep"),
            (json.dumps({"event_name": "x" * 60_000}).encode(), 413, "too_large"),
            (b"[" + b",".join([b"{}"] * 51) + b"]", 413, "too_many_items"),
            (gzip.compress(bytes(300_000)), 413, "body_too_large"),
            (b" " * 300_000, 413, "body_too_large"),
        ],
        ids=lambda value: repr(value)[:20],
    )
    def test_a_refusal_says_what_is_wrong_first_and_in_short(
        self, shim: Shim, desk: Desk, body: bytes, status: int, code: str
    ) -> None:
        answer = shim.post("/v1/events", body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.content.startswith(b'{"detail":')
        assert len(answer.json()["detail"].encode()) < 200
        assert desk.open_jobs()["events"] == 0

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
        self, shim: Shim, headers: dict[str, str], status: int
    ) -> None:
        answer = shim.post("/v1/events", event(), headers=headers)
        assert answer.status_code == status
        assert answer.json()["detail"]

    def test_invokehttps_default_method_is_told_of_post_without_a_redirect(self, shim: Shim) -> None:
        answer = shim.call("GET", "/v1/events", allow_redirects=False)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "HEAD, POST")
        assert "set HTTP Method to POST" in answer.json()["detail"]

    def test_nobody_without_a_token_or_its_scope_sends_or_reads(self, shim: Shim, desk: Desk) -> None:
        assert shim.post("/v1/events", event(), token="open").status_code == 401
        assert shim.post("/v1/events", event(), token=READER).status_code == 403
        assert shim.call("GET", "/metrics", token="open").status_code == 401
        assert shim.post("/v1/actions/lookup", {}, token=READER).status_code == 403
        assert desk.open_jobs()["events"] == 0

    def test_above_the_high_water_mark_nifi_is_asked_to_come_later(
        self, shim: Shim, redis: Redis, desk: Desk
    ) -> None:
        # The mark of this shim is 50 open jobs.
        assert shim.post("/v1/events", [event(n) for n in range(50)]).status_code == 202
        answer = shim.post("/v1/events", event(50))
        assert (answer.status_code, answer.json()["code"]) == (503, "busy")
        assert int(answer.headers["Retry-After"]) >= 1
        assert shim.call("GET", "/readyz").status_code == 503
        assert desk.open_jobs()["events"] == 50

    def test_a_redis_that_fills_asks_to_come_later_long_before_it_is_full(
        self, shim: Shim, desk: Desk
    ) -> None:
        used = desk.redis.info("memory")["used_memory"]
        desk.redis.config_set("maxmemory", int(used * 1.2))
        try:
            answer = shim.post("/v1/events", event(1))
        finally:
            desk.redis.config_set("maxmemory", 0)
        assert (answer.status_code, answer.json()["code"]) == (503, "busy")
        assert int(answer.headers["Retry-After"]) >= 1
        assert desk.open_jobs()["events"] == 0

    def test_a_full_quarantine_asks_to_come_later_and_keeps_what_was_accepted(
        self, shim: Shim, desk: Desk
    ) -> None:
        # This shim keeps 20 unreadable items.
        assert shim.post("/v1/events", [event(1), *range(20)]).status_code == 202
        answer = shim.post("/v1/events", [event(2), 21])
        assert (answer.status_code, answer.json()["code"]) == (503, "busy")
        assert shim.post("/v1/events", [event(2)]).json()["items"][0]["duplicate"] is True


class TestActions:
    @pytest.mark.parametrize(
        ("action", "body", "kind"),
        [
            ("lookup", {"type": "FQDN", "value": "bad.example"}, "indicators.lookup"),
            ("add", {"type": "FQDN", "value": "bad.example", "attributes": [["a", "b"]]}, "indicators.add"),
            ("mark", {"type": "FQDN", "value": "bad.example", "verdict": "true positive"}, "indicators.mark"),
            ("whitelist", {"type": "FQDN", "value": "bad.example"}, "indicators.whitelist"),
            (
                "sighting",
                {"alarm_id": "7", "alarm_name": "a", "observed": {"SIP": "1.2.3.4"}},
                "sightings.add",
            ),
        ],
    )
    def test_an_action_becomes_its_job(
        self, shim: Shim, desk: Desk, action: str, body: dict[str, Any], kind: str
    ) -> None:
        answer = shim.post(f"/v1/actions/{action}", body)
        assert answer.status_code == 202
        record = desk.record(answer.json()["id"])
        assert record is not None
        assert record.kind == kind
        assert desk.arguments(record.id) == body

    def test_whoever_waits_gets_the_outcome(self, shim: Shim, ledger: Ledger) -> None:
        body = {"type": "FQDN", "value": "bad.example"}
        job_id = shim.post("/v1/actions/lookup", body).json()["id"]
        (claim,) = ledger.claim("enrichment", 1)
        ledger.settle([done(claim, {"said": "Found in ThreatQ"})])
        answer = shim.post("/v1/actions/lookup?wait=10", body)
        assert answer.status_code == 200
        assert answer.json() == {
            "id": job_id,
            "status": "done",
            "duplicate": True,
            "status_url": f"/v1/jobs/{job_id}",
            "result": {"said": "Found in ThreatQ"},
        }

    @pytest.mark.parametrize(
        ("action", "body", "status", "field"),
        [
            ("mark", {"type": "FQDN", "value": "x", "verdict": "maybe"}, 422, "verdict"),
            ("lookup", {"type": "FQDN"}, 422, "value"),
            ("lookup", {"type": "FQDN", "value": " "}, 422, "value"),
            ("lookup", {"type": "FQDN", "value": "x", "vlaue": "x"}, 422, "vlaue"),
            ("delete", {"type": "FQDN", "value": "x"}, 404, "whitelist"),
            ("lookup", b"{", 400, "JSON"),
            ("lookup?wait=soon", {"type": "FQDN", "value": "x"}, 400, "wait"),
        ],
    )
    def test_a_wrong_action_is_refused_by_its_field(
        self, shim: Shim, desk: Desk, action: str, body: Any, status: int, field: str
    ) -> None:
        answer = shim.post(f"/v1/actions/{action}", body)
        assert answer.status_code == status
        assert field in answer.json()["detail"]
        assert desk.open_jobs()["enrichment"] == 0


class TestWatching:
    def test_a_job_is_followed_to_its_end(self, shim: Shim, ledger: Ledger) -> None:
        batch = shim.post("/v1/events", [event(1), event(2)]).json()
        one, two = ledger.claim("events", 2)
        ledger.settle([done(one, {"event": 7}), dead(two, "the type is unknown")])
        job = shim.call("GET", f"/v1/jobs/{one.id}", token=READER).json()
        assert (job["state"], job["result"]) == ("done", {"event": 7})
        status = shim.call("GET", batch["status_url"]).json()
        assert (status["status"], status["success_count"], status["failure_count"]) == ("complete", 1, 1)

    @pytest.mark.parametrize(
        "path", ["/v1/jobs/x", "/v1/jobs/" + "0" * 24, "/v1/batches/" + "0" * 24, "/nothing"]
    )
    def test_what_is_not_known_is_404(self, shim: Shim, path: str) -> None:
        assert shim.call("GET", path).status_code == 404

    def test_signs_of_life_need_no_token_and_metrics_count(self, shim: Shim) -> None:
        shim.post("/v1/events", event())
        for path in ("/healthz", "/readyz", "/openapi.json"):
            assert shim.call("GET", path, token="").status_code == 200
        text = shim.call("GET", "/metrics", token=READER).text
        assert 'tq_jobs_total{door="http",event="accepted",kind="events.create"} 1.0' in text
        assert 'tq_open_jobs{queue="events"} 1.0' in text
        assert "tq_ledger_up 1.0" in text

    def test_a_trace_that_came_in_stays_with_the_job(self, shim: Shim, desk: Desk) -> None:
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        job_id = shim.post("/v1/events", event(), headers={"traceparent": parent}).json()["id"]
        record = desk.record(job_id)
        assert record is not None
        assert record.trace == parent


class TestWhatNifiSends:
    """Byte for byte what InvokeHTTP and PostHTTP put on the wire (docs of the reference, §2b and §2d)."""

    def head(self, *lines: str) -> bytes:
        user = base64.b64encode(f"nifi:{TOKEN}".encode()).decode()
        first = [
            "POST /v1/events HTTP/1.1",
            f"Authorization: Basic {user}",
            "Date: Sat, 21 Nov 2026 23:00:00 GMT",
        ]
        rest = ["Host: tq:8070", "Connection: Keep-Alive", "User-Agent: "]
        return "\r\n".join([*first, *lines, *rest]).encode() + b"\r\n\r\n"

    def test_a_post_with_an_empty_user_agent_and_attributes_as_headers(self, shim: Shim) -> None:
        body = json.dumps(event()).encode()
        head = self.head(
            "uuid: 5b7b0f0e-6d1c-4d6f-8b8e-0f6f0b4b6a52",
            "filename: 5b7b0f0e",
            "path: ./",
            "Content-Type: application/octet-stream",
            f"Content-Length: {len(body)}",
        )
        status, _, answer = shim.raw(head + body)
        assert status == 202
        assert json.loads(answer)["duplicate"] is False

    def test_chunked_gzip_as_content_encoding_makes_it(self, shim: Shim) -> None:
        body = gzip.compress(json.dumps([event(1), event(2)]).encode())
        chunks = (
            b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:10], body[10:])) + b"0\r\n\r\n"
        )
        head = self.head(
            "Content-Encoding: gzip", "Content-Type: application/json", "Transfer-Encoding: chunked"
        )
        status, _, answer = shim.raw(head + chunks)
        assert status == 202
        assert json.loads(answer)["success_count"] == 2

    def test_gzip_in_gzip_of_a_compressing_writer(self, shim: Shim) -> None:
        body = gzip.compress(gzip.compress(json.dumps(event()).encode()))
        head = self.head("Content-Encoding: gzip", f"Content-Length: {len(body)}")
        assert shim.raw(head + body)[0] == 202

    def test_a_resend_after_a_dropped_connection_makes_no_second_job(self, shim: Shim, desk: Desk) -> None:
        body = json.dumps(event()).encode()
        request = self.head("Idempotency-Key: 5b7b0f0e", f"Content-Length: {len(body)}") + body
        statuses = [shim.raw(request)[0] for _ in range(3)]
        assert statuses == [202, 202, 202]
        assert desk.open_jobs()["events"] == 1

    def test_the_probe_of_posthttp_learns_that_gzip_is_welcome(self, shim: Shim) -> None:
        request = b"HEAD /v1/events HTTP/1.1\r\nHost: tq\r\nUser-Agent: \r\n\r\n"
        status, headers, body = shim.raw(request)
        assert (status, headers["accept-encoding"], body) == (200, "gzip", b"")

    def test_a_body_that_stops_in_the_middle_makes_no_job(self, shim: Shim, desk: Desk) -> None:
        body = json.dumps(event()).encode()
        with pytest.raises(AssertionError, match="closed"):
            shim_closes(shim, self.head(f"Content-Length: {len(body) + 10}") + body)
        assert shim.call("GET", "/healthz").status_code == 200
        assert desk.open_jobs()["events"] == 0


def shim_closes(shim: Shim, request: bytes) -> None:
    with socket.create_connection(("127.0.0.1", shim.port), timeout=30) as link:
        link.sendall(request)
        link.shutdown(socket.SHUT_WR)
        read_answer(link)


class TestStarting:
    @pytest.mark.parametrize(
        ("options", "environ", "remedy"),
        [
            ([], {}, "TQ_HTTP_TOKENS"),
            (["--insecure-no-auth", "--host", "0.0.0.0"], {}, "this machine alone"),
            ([], {"TQ_HTTP_TOKENS": "a:b:c:d"}, "entry 1"),
        ],
    )
    def test_it_refuses_to_be_open_by_mistake(
        self, tmp_path: Path, options: list[str], environ: dict[str, str], remedy: str
    ) -> None:
        process = Process("tq-http-shim", tmp_path, environ, "--port", "0", *options)
        assert process.process.wait(timeout=30) == 2
        assert remedy in (tmp_path / "tq-http-shim.log").read_text()
