"""Payloads at the HTTP entry point: what is answered, and what is in the ledger then."""

from __future__ import annotations

import gzip
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis import Redis

from tests.support.producers import READER, SENDER, Shim, event, read_answer
from workers.core.jobs import Job
from workers.core.results import EventResult
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine
from workers.ledger.records import dead, done

pytestmark = pytest.mark.integration


def enveloped(number: int) -> dict[str, Any]:
    return {"specversion": "1.0", "id": str(number), "source": "/s", "type": "t", "data": event(number)}


def test_one_payload_is_in_the_ledger_when_the_answer_is_202(
    shim: Shim, admin: LedgerAdmin, example_payload: dict[str, object]
) -> None:
    answer = shim.post("/v1/events", example_payload)
    assert answer.status_code == 202
    job_id = answer.json()["id"]
    assert admin.arguments(job_id) == {"payload": example_payload}
    record = admin.record(job_id)
    assert record is not None
    assert (record.producer, record.title) == ("http", example_payload["event_name"])
    assert answer.json() == {
        "id": job_id,
        "status": "queued",
        "duplicate": False,
        "status_url": f"/v1/jobs/{job_id}",
    }


@pytest.mark.parametrize(
    ("sent", "token", "status", "code"),
    [
        (event(), SENDER, 202, None),
        (event(event_type=""), SENDER, 422, "invalid_event"),
        (event(), READER, 403, "forbidden"),
        (event(), "of-no-sender-at-all", 401, "unauthorized"),
    ],
)
def test_a_body_that_comes_with_its_head_is_answered_like_one_that_comes_after_it(
    shim: Shim, sent: dict[str, Any], token: str, status: int, code: str | None
) -> None:
    answers = []
    body = json.dumps(sent).encode()
    for first in (0, len(body)):
        head = (
            f"POST /v1/events HTTP/1.1\r\nHost: tq\r\nAuthorization: Bearer {token}\r\n"
            f"X-Request-Id: mine\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", shim.port), timeout=30) as link:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link.sendall(head.encode() + body[:first])
            link.sendall(body[first:])
            answers.append(read_answer(link))
    assert [answer[0] for answer in answers] == [status] * 2
    headers, bodies = [answer[1] for answer in answers], [json.loads(answer[2]) for answer in answers]
    assert headers[0].keys() == headers[1].keys()
    assert headers[1]["x-request-id"] == "mine"
    assert [answered.get("code") for answered in bodies] == [code] * 2
    assert bodies[1] | {"duplicate": False} == bodies[0] | {"duplicate": False}


def test_the_same_payload_again_answers_the_first_job_whichever_producer_it_came_through(
    shim: Shim, ledger: Ledger, admin: LedgerAdmin
) -> None:
    (first,) = ledger.accept([Job("events.create", {"payload": event()}, producer="cli")])
    answer = shim.post("/v1/events/", event()).json()
    assert (answer["id"], answer["duplicate"]) == (first.id, True)
    assert admin.open_jobs()["events"] == 1


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
    shim: Shim, admin: LedgerAdmin, body: str, packed: bool
) -> None:
    data = gzip.compress(body.encode()) if packed else body.encode()
    answer = shim.post("/v1/events", data, headers={"Content-Type": "application/octet-stream"})
    assert answer.status_code == 202
    items = answer.json()["items"]
    assert [admin.arguments(item["id"]) for item in items] == [{"payload": event(n)} for n in (1, 2)]
    batch = shim.call("GET", answer.json()["status_url"]).json()
    assert (batch["status"], batch["pending_count"]) == ("pending", 2)


def test_a_bad_item_costs_no_good_one_and_is_kept(shim: Shim, admin: LedgerAdmin, redis: Redis) -> None:
    answer = shim.post("/v1/events", [event(1), {"event_name": "no type"}, 7])
    assert answer.status_code == 202
    assert (answer.json()["success_count"], answer.json()["failure_count"]) == (1, 2)
    quarantine = Quarantine(redis)
    for item in answer.json()["items"][1:]:
        kept = quarantine.item(item["quarantine_id"])
        assert kept is not None
        assert (kept.producer, kept.source, kept.code) == ("http", "nifi", item["code"])
        assert kept.reason == item["detail"]
    batch = shim.call("GET", answer.json()["status_url"]).json()
    assert (batch["total_count"], batch["pending_count"], batch["failure_count"]) == (3, 1, 2)
    assert [(entry["id"], entry["state"]) for entry in batch["items"][1:]] == [
        (item["quarantine_id"], "refused") for item in answer.json()["items"][1:]
    ]
    assert admin.open_jobs()["events"] == 1


def test_all_or_nothing_accepts_nothing_of_a_batch_with_a_bad_item(
    shim: Shim, admin: LedgerAdmin, redis: Redis
) -> None:
    answer = shim.post("/v1/events?atomic=true", [event(1), {"event_name": "no type"}])
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["index"] == 1
    assert admin.open_jobs()["events"] == Quarantine(redis).count() == 0


def test_a_key_makes_repeats_safe_and_another_payload_under_it_is_refused(shim: Shim) -> None:
    headers = {"Idempotency-Key": '"a-uuid"'}
    first = shim.post("/v1/events", event(1), headers=headers).json()
    again = shim.post("/v1/events", event(1), headers={"Idempotency-Key": "a-uuid"}).json()
    other = shim.post("/v1/events", event(2), headers=headers)
    assert (again["id"], again["duplicate"]) == (first["id"], True)
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert shim.post("/v1/events?atomic=1", [event(3), event(4)], headers=headers).status_code == 202
    assert shim.post("/v1/events?atomic=1", [event(5), event(4)], headers=headers).status_code == 422


def test_a_key_belongs_to_the_token_that_it_came_with(shim: Shim) -> None:
    headers = {"Idempotency-Key": "1"}
    assert shim.post("/v1/events", event(1), headers=headers).status_code == 202
    assert shim.post("/v1/events", event(2), headers=headers, token=SENDER).status_code == 202


def test_a_cloud_event_that_another_had_the_name_of_is_told_so_and_not_of_a_key(shim: Shim) -> None:
    envelope = {"specversion": "1.0", "id": "7", "source": "aws", "type": "detection"}
    first = shim.post("/v1/events", {**envelope, "data": event(1)}).json()["id"]
    alone = shim.post("/v1/events", {**envelope, "data": event(2)}).json()
    of_many = shim.post("/v1/events", [{**envelope, "data": event(2)}, event(3)]).json()["items"][0]
    for answer in (alone, of_many):
        assert answer["code"] == "key_reused"
        assert answer["detail"] == (
            f"the CloudEvents source and id were used before for another payload (job {first}); "
            "give each event an id of its own"
        )


def test_of_two_batches_at_once_under_one_key_one_is_accepted_whole_and_the_other_not_at_all(
    shim: Shim, admin: LedgerAdmin
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
    assert admin.open_jobs()["events"] == 25


def test_all_or_nothing_sees_two_payloads_under_one_key_in_the_same_batch(
    shim: Shim, admin: LedgerAdmin
) -> None:
    envelope = {"specversion": "1.0", "id": "7", "source": "aws", "type": "detection"}
    events = [{**envelope, "data": event(1)}, event(3), {**envelope, "data": event(2)}]
    answer = shim.post("/v1/events?atomic=true", events)
    assert (answer.status_code, answer.json()["code"]) == (422, "key_reused")
    assert admin.open_jobs()["events"] == 0


def test_a_flow_builder_sees_the_plan_and_nothing_is_accepted(
    shim: Shim, admin: LedgerAdmin, example_payload: dict[str, object]
) -> None:
    answer = shim.post("/v1/events:validate", [example_payload, {}]).json()
    assert [item["valid"] for item in answer["items"]] == [True, False]
    assert answer["items"][0]["plan"]["title"] == example_payload["event_name"]
    assert admin.open_jobs()["events"] == 0


def test_a_repeat_is_answered_with_what_became_of_the_first(shim: Shim, ledger: Ledger) -> None:
    # Given two payloads, of which one became an event and the other one is dead
    first, second = (shim.post("/v1/events", event(number)).json()["id"] for number in (1, 2))
    made, refused = ledger.claim("events", 2)
    ledger.settle([done(made, EventResult(7, "https://tq/events/7/details")), dead(refused, "no such type")])
    # When both are sent again, alone and in a batch with a new one
    alone = shim.post("/v1/events", event(1))
    batch = shim.post("/v1/events", [event(1), event(2), event(3)])
    # Then each is answered with its true state, its event's id and its link
    assert alone.status_code == 202
    assert alone.json() == {
        "id": first,
        "status": "done",
        "duplicate": True,
        "status_url": f"/v1/jobs/{first}",
        "event_id": 7,
        "link": "https://tq/events/7/details",
    }
    link = {"event_id": 7, "link": "https://tq/events/7/details"}
    done_, dead_, new = batch.json()["items"]
    assert done_ == {"index": 0, "status": 202, "id": first, "duplicate": True, "state": "done", **link}
    assert dead_ == {"index": 1, "status": 202, "id": second, "duplicate": True, "state": "dead"}
    assert new.keys() == {"index", "status", "id"}
