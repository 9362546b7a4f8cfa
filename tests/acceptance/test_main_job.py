"""The main job: a payload through the command line, the ledger, Redis, Celery and a worker into ThreatQ."""

from __future__ import annotations

import json
from typing import Any

import pytest
from redis import Redis

from sandbox.launch.processes import Processes
from tests.acceptance.conftest import Command
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.waiting import until
from workers.core.jobs import Job
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger

pytestmark = pytest.mark.acceptance

Payload = dict[str, Any]


def send(command: Command, payload: Payload, *options: str) -> Any:
    sent = command(
        "tq-conn-events-builder", "-p", "-", "--wait", "30", "--json", *options, text=json.dumps(payload)
    )
    assert sent.returncode == 0, sent.stderr
    return json.loads(sent.stdout)


def test_the_guides_payload_becomes_its_event_with_all_that_belongs_to_it(
    working: Processes, command: Command, threatq_sandbox: SandboxThreatQ, example_payload: Payload
) -> None:
    # When the payload is sent
    answer = send(command, example_payload)
    # Then ThreatQ holds the event
    path = f"/api/events/{answer['event_id']}"
    event = threatq_sandbox.get(path, **{"with": "attributes,sources,type"})["data"]
    assert event["title"] == "AWS User Add Detection: CreateUser from 1.2.3.4 to random.random.com"
    assert event["type"]["name"] == "Sighting"
    assert event["happened_at"] == "2021-10-05 19:01:02"
    assert [source["name"] for source in event["sources"]] == ["AWS User Add Detection"]
    assert {(a["name"], a["value"]) for a in event["attributes"]} == {
        ("Event Domain", "random.random.com"),
        ("Target Domain", "rando-rando-1"),
        ("User-Agent", "console.random.com"),
        ("TQ Job ID", answer["job"]),
    }
    # And what is related to it
    (indicator,) = threatq_sandbox.get(f"{path}/indicators", **{"with": "type,status"})["data"]
    assert (indicator["type"]["name"], indicator["value"]) == ("IP Address", "1.2.3.4")
    (identity,) = threatq_sandbox.get(f"{path}/identity")["data"]
    assert identity["value"] == "user@co.com"
    # And the syslog message whole and readable
    assert (
        json.loads(event["description"][event["description"].index("{") :])
        == example_payload["syslog_message"]
    )


def test_the_command_prints_the_event_its_link_and_what_was_left_out(
    working: Processes, command: Command, threatq_sandbox: SandboxThreatQ, example_payload: Payload
) -> None:
    payload = json.dumps(example_payload | {"uri_target": "IP Address:10.1.2.3"})
    sent = command("tq-conn-events-builder", "-p", "-", "--wait", "30", text=payload)
    assert sent.returncode == 0
    assert f"done: event 1 {threatq_sandbox.url}/events/1/details" in sent.stdout
    assert "left out: 10.1.2.3: a private address (kept as asset)" in sent.stdout


def test_the_same_payload_three_times_is_one_event(
    working: Processes, command: Command, threatq_sandbox: SandboxThreatQ, example_payload: Payload
) -> None:
    answers = [send(command, example_payload) for _ in range(3)]
    assert len({answer["event_id"] for answer in answers}) == 1
    assert [answer["status"] for answer in answers] == ["accepted", "known", "known"]
    assert threatq_sandbox.get("/api/events")["total"] == 1


def test_an_event_whose_answer_was_lost_is_found_again_and_completed(
    working: Processes,
    command: Command,
    admin: LedgerAdmin,
    threatq_sandbox: SandboxThreatQ,
    example_payload: Payload,
) -> None:
    # Given a ThreatQ that always makes a new event and drops the connection after its work was done
    threatq_sandbox.behave(event_key="none")
    threatq_sandbox.fault("drop_after", next=1, path="/api/events/consume")
    # When the payload is sent and the job waits for ThreatQ to be well again
    sent = command("tq-conn-events-builder", "-p", "-", text=json.dumps(example_payload))
    assert sent.returncode == 0
    until(lambda: admin.ids("done"), within_s=30)
    # Then there is one event, whole
    (event,) = threatq_sandbox.get("/api/events")["data"]
    assert threatq_sandbox.get(f"/api/events/{event['id']}/indicators")["total"] == 1
    assert threatq_sandbox.get(f"/api/events/{event['id']}/identity")["total"] == 1


def test_a_private_address_becomes_an_asset_and_no_indicator(
    working: Processes, command: Command, threatq_sandbox: SandboxThreatQ, example_payload: Payload
) -> None:
    answer = send(command, example_payload | {"uri_target": "IP Address:10.1.2.3, FQDN:bad[.]example"})
    path = f"/api/events/{answer['event_id']}"
    values = {row["value"] for row in threatq_sandbox.get(f"{path}/indicators")["data"]}
    assert values == {"1.2.3.4", "bad.example"}
    assert threatq_sandbox.get("/api/indicators", value="10.1.2.3")["total"] == 0
    assert threatq_sandbox.get(f"{path}/asset")["total"] == 1
    assert answer["left_out"][0]["what"] == "10.1.2.3"


def test_while_threatq_is_away_payloads_wait_and_are_done_when_it_is_back(
    working: Processes,
    ledger: Ledger,
    admin: LedgerAdmin,
    threatq_sandbox: SandboxThreatQ,
    example_payload: Payload,
) -> None:
    # Given a ThreatQ that closes every connection
    away = threatq_sandbox.fault("drop_before")
    ids = [
        ledger.accept([Job("events.create", {"payload": example_payload | {"n": n}}, producer="cli")])[0].id
        for n in range(20)
    ]
    until(lambda: admin.away("threatq"), within_s=30)
    assert admin.ids("dead") == []
    # When it is back
    threatq_sandbox.control(f"faults/{away['id']}", method="DELETE")
    # Then all are done
    until(lambda: len(admin.ids("done")) == len(ids), within_s=60)
    assert admin.away("threatq") == {}


def test_a_wake_up_that_was_lost_is_sent_again(
    working: Processes, ledger: Ledger, admin: LedgerAdmin, redis: Redis, example_payload: Payload
) -> None:
    # Given a paused queue whose wake-ups are gone
    admin.pause("events")
    ledger.accept([Job("events.create", {"payload": example_payload}, producer="cli")])
    until(lambda: not redis.llen(keys.wake_ups("events")))
    # When work may go on
    admin.resume("events")
    # Then beat wakes what is due
    assert until(lambda: admin.ids("done"), within_s=30)


def test_a_payload_that_threatq_refuses_is_dead_alone_and_the_command_says_why(
    working: Processes, command: Command, threatq_sandbox: SandboxThreatQ, example_payload: Payload
) -> None:
    threatq_sandbox.behave(poison=["*unwanted*"])
    payload = example_payload | {"event_name": "an unwanted title"}
    sent = command("tq-conn-events-builder", "-p", "-", "--wait", "30", text=json.dumps(payload))
    assert sent.returncode == 1
    assert "dead" in sent.stdout
