"""From claims to settlements: the connector's page, refusals and left-outs, against the simulated ThreatQ."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from tests.support.sandbox_threatq import SandboxThreatQ
from workers.core.errors import ConfigError
from workers.core.jobs import Job
from workers.events.handler import make_enabled
from workers.leases import Attempt
from workers.ledger.ledger import Ledger
from workers.ledger.records import Claim, Settlement
from workers.runtime import Runtime
from workers.threatq.connector import PATH

pytestmark = pytest.mark.integration

Payload = dict[str, Any]


def set_page(runtime: Runtime, *, enabled: bool, private_ips: str = "") -> None:
    """Change the connector's page as a user of the UI would, and forget what was read of it."""
    page = runtime.events_connector.page()
    change = {"is_active": enabled, "custom_fields": {"private_ips": private_ips}}
    runtime.threatq.caller.call("PUT", f"{PATH}/{page.id}", json=change)
    del runtime.events_connector


def claims_of(ledger: Ledger, *payloads: Payload) -> list[Claim]:
    ledger.accept([Job("events.create", {"payload": payload}, producer="cli") for payload in payloads])
    return ledger.claim("events", 100)


def handle(runtime: Runtime, claims: list[Claim]) -> list[Settlement]:
    return make_enabled(Attempt(claims, runtime.leases), runtime.threatq, runtime.page(), runtime.dialect())


def test_while_the_connector_is_disabled_payloads_wait_and_nothing_is_made(
    runtime: Runtime, ledger: Ledger, threatq_sandbox: SandboxThreatQ, example_payload: Payload
) -> None:
    attempt = Attempt(claims_of(ledger, example_payload), runtime.leases)
    (settlement,) = make_enabled(attempt, runtime.threatq, runtime.page(), runtime.dialect())
    assert (settlement.state, settlement.entry) == ("blocked", {})
    assert attempt.blocked is not None
    assert attempt.blocked.kind == "events.create"
    assert "disabled in ThreatQ" in attempt.blocked.reason
    assert threatq_sandbox.get("/api/events")["total"] == 0


def test_while_the_connector_is_disabled_a_sighting_of_logrhythm_goes_on(
    runtime: Runtime, ledger: Ledger, example_payload: Payload
) -> None:
    ledger.accept([Job("sightings.add", {"alarm_id": "1", "alarm_name": "Rule"}, producer="test")])
    states = {
        settlement.claim.kind: settlement.state
        for settlement in handle(runtime, claims_of(ledger, example_payload))
    }
    assert states == {"sightings.add": "done", "events.create": "blocked"}


def test_what_an_alarm_names_gets_the_status_of_logrhythm_and_what_a_payload_names_that_of_payloads(
    runtime: Runtime, ledger: Ledger, threatq_sandbox: SandboxThreatQ, example_payload: Payload
) -> None:
    set_page(runtime, enabled=True)
    alarm = {"alarm_id": "1", "alarm_name": "Rule", "observed": {"SIP": "77.77.77.77"}}
    ledger.accept([Job("sightings.add", alarm, producer="test")])
    handle(runtime, claims_of(ledger, example_payload))
    indicators = threatq_sandbox.get("/api/indicators", **{"with": "status"})["data"]
    status = {row["value"]: row["status"]["name"] for row in indicators}
    assert (status["77.77.77.77"], status["1.2.3.4"]) == ("Active", "Review")


def test_the_next_attempt_finds_the_event_of_the_one_before(
    runtime: Runtime, ledger: Ledger, threatq_sandbox: SandboxThreatQ, example_payload: Payload
) -> None:
    # Given a ThreatQ that makes a new event each time, and an answer that got lost
    threatq_sandbox.behave(event_key="none")
    set_page(runtime, enabled=True)
    (claim,) = claims_of(ledger, example_payload)
    (first,) = handle(runtime, [claim])
    # When the job is tried again
    (second,) = handle(runtime, [structs.replace(claim, attempts=2)])
    # Then it is the same event
    assert second.entry["event_id"] == first.entry["event_id"]
    assert threatq_sandbox.get("/api/events")["total"] == 1


@pytest.mark.parametrize("connector_fields", ["names", "labels", "list"])
def test_private_addresses_of_the_page_become_no_indicator_however_its_fields_are_named(
    connector_fields: str,
    runtime: Runtime,
    ledger: Ledger,
    threatq_sandbox: SandboxThreatQ,
    example_payload: Payload,
) -> None:
    set_page(runtime, enabled=True, private_ips="1.2.3.0-1.2.3.255")
    threatq_sandbox.behave(connector_fields=connector_fields)
    handle(runtime, claims_of(ledger, example_payload))
    values = [row["value"] for row in threatq_sandbox.get("/api/indicators")["data"]]
    assert "1.2.3.4" not in values


def test_a_payload_without_a_time_happened_when_it_was_accepted(
    runtime: Runtime, ledger: Ledger, threatq_sandbox: SandboxThreatQ, example_payload: Payload
) -> None:
    set_page(runtime, enabled=True)
    del example_payload["event_happened_at"]
    (claim,) = claims_of(ledger, example_payload)
    # When it is done only a day after
    handle(runtime, [structs.replace(claim, accepted_ms=1_633_460_462_000)])
    (event,) = threatq_sandbox.get("/api/events")["data"]
    assert event["happened_at"] == "2021-10-05 19:01:02"


def test_when_the_connector_is_enabled_they_are_done(
    runtime: Runtime, ledger: Ledger, threatq_sandbox: SandboxThreatQ, example_payload: Payload
) -> None:
    set_page(runtime, enabled=True)
    (settlement,) = handle(runtime, claims_of(ledger, example_payload))
    assert settlement.state == "done"
    assert threatq_sandbox.get("/api/events")["total"] == 1


def test_a_payload_for_which_a_right_is_missing_waits_alone(
    runtime: Runtime, ledger: Ledger, threatq_sandbox: SandboxThreatQ, example_payload: Payload
) -> None:
    # Given an account that may not make malware, and two payloads of which one names some
    set_page(runtime, enabled=True)
    threatq_sandbox.fault("error", method="POST", status=403, path="/api/malware/consume")
    plain = {**example_payload, "event_name": "without"}
    plain.pop("malware", None)
    claims = claims_of(ledger, {**example_payload, "malware": "Emotet"}, plain)
    # When both are worked on together
    states = {
        settlement.claim.arguments["payload"]["event_name"]: settlement
        for settlement in handle(runtime, claims)
    }
    # Then one is done; the other one waits, with what is to be granted, and longer each time
    assert states.pop("without").state == "done"
    (waits,) = states.values()
    assert (waits.state, waits.delay_s) == ("misconfigured", 30)
    assert "give the account a role that may do this" in waits.entry["reason"]


def test_private_addresses_of_the_page_count_at_once(
    runtime: Runtime, ledger: Ledger, threatq_sandbox: SandboxThreatQ, example_payload: Payload
) -> None:
    set_page(runtime, enabled=True, private_ips="1.2.3.0-1.2.3.255")
    (settlement,) = handle(runtime, claims_of(ledger, example_payload))
    assert settlement.entry["left_out"][0]["what"] == "1.2.3.4"
    assert threatq_sandbox.get("/api/indicators")["total"] == 0


def test_private_addresses_that_cannot_be_read_let_nothing_through(
    runtime: Runtime, ledger: Ledger, threatq_sandbox: SandboxThreatQ, example_payload: Payload
) -> None:
    set_page(runtime, enabled=True, private_ips="10.0.0.0/8, 1.2.3.999")
    with pytest.raises(ConfigError, match=r"1\.2\.3\.999"):
        handle(runtime, claims_of(ledger, example_payload))
    assert threatq_sandbox.get("/api/events")["total"] == 0


def test_a_status_that_threatq_does_not_have_is_a_wrong_setting_and_nothing_is_made(
    runtime: Runtime, ledger: Ledger, threatq_sandbox: SandboxThreatQ, example_payload: Payload
) -> None:
    set_page(runtime, enabled=True)
    wrong = Runtime(structs.replace(runtime.settings, threatq_status="Nonsense"))
    with pytest.raises(ConfigError, match="no indicator status 'Nonsense'; it has Active"):
        handle(wrong, claims_of(ledger, example_payload))
    assert threatq_sandbox.get("/api/events")["total"] == 0


def test_one_bad_payload_among_a_hundred_dies_alone(
    runtime: Runtime, ledger: Ledger, threatq_sandbox: SandboxThreatQ, example_payload: Payload
) -> None:
    set_page(runtime, enabled=True)
    payloads = [example_payload | {"event_name": f"detection {number}"} for number in range(99)]
    claims = claims_of(ledger, *payloads, example_payload | {"event_name": ""})
    settlements = handle(runtime, claims)
    (dead,) = [settlement for settlement in settlements if settlement.state == "dead"]
    assert dead.entry["field"] == "event_name"
    assert sum(settlement.state == "done" for settlement in settlements) == 99
    assert threatq_sandbox.get("/api/events", limit=1)["total"] == 99


def test_a_producers_warnings_are_in_the_outcome(
    runtime: Runtime, ledger: Ledger, example_payload: Payload
) -> None:
    set_page(runtime, enabled=True)
    ledger.accept(
        [Job("events.create", {"payload": example_payload}, producer="cli", warnings=["read leniently"])]
    )
    (settlement,) = handle(runtime, ledger.claim("events", 1))
    assert "read leniently" in settlement.entry["warnings"]


def test_a_connector_that_is_not_registered_defers_payloads_and_says_how_to_register(
    runtime: Runtime, ledger: Ledger, example_payload: Payload
) -> None:
    unregistered = Runtime(structs.replace(runtime.settings, connector_name="Nobody's"))
    attempt = Attempt(claims_of(ledger, example_payload), unregistered.leases)
    (settlement,) = make_enabled(attempt, unregistered.threatq, unregistered.page(), unregistered.dialect())
    assert settlement.state == "blocked"
    assert attempt.blocked is not None
    assert "tq-conn-events-builder" in attempt.blocked.reason
