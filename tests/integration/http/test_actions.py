"""Actions at the HTTP entry point."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.producers import Shim
from tests.support.waiting import until
from workers.core.errors import InputError
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.records import Claim, Settlement, dead, done, refused

pytestmark = pytest.mark.integration


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
    shim: Shim, admin: LedgerAdmin, action: str, body: dict[str, Any], kind: str
) -> None:
    answer = shim.post(f"/v1/actions/{action}", body)
    assert answer.status_code == 202
    record = admin.record(answer.json()["id"])
    assert record is not None
    assert record.kind == kind
    assert admin.arguments(record.id) == body


def test_a_sender_that_waits_gets_the_outcome(shim: Shim, ledger: Ledger) -> None:
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


def test_the_same_action_again_is_answered_with_its_outcome_without_waiting(
    shim: Shim, ledger: Ledger
) -> None:
    # Given an action that is done
    body = {"type": "FQDN", "value": "bad.example"}
    assert shim.post("/v1/actions/lookup", body).json()["status"] == "queued"
    assert shim.post("/v1/actions/lookup", body).json()["status"] == "queued"
    (claim,) = ledger.claim("enrichment", 1)
    ledger.settle([done(claim, {"said": "Found in ThreatQ"})])
    # When it is asked for again by a sender that does not wait
    answer = shim.post("/v1/actions/lookup", body)
    # Then it is not said to be queued
    assert (answer.status_code, answer.json()["status"]) == (200, "done")
    assert answer.json()["result"] == {"said": "Found in ThreatQ"}


@pytest.mark.parametrize(
    ("settle", "state", "status"),
    [
        (lambda claim: refused(claim, InputError("is not in ThreatQ", field="value")), "refused", 422),
        (lambda claim: dead(claim, "value: is not in ThreatQ"), "dead", 424),
    ],
)
def test_a_sender_that_waits_is_told_that_it_came_to_nothing(
    shim: Shim, ledger: Ledger, settle: Callable[[Claim], Settlement], state: str, status: int
) -> None:
    # Given an action that a worker refuses, or that ends as a dead letter, while its sender waits
    body = {"type": "FQDN", "value": "bad.example"}
    with ThreadPoolExecutor(1) as sender:
        waiting = sender.submit(shim.post, "/v1/actions/whitelist?wait=30", body)
        (claim,) = until(lambda: ledger.claim("enrichment", 1))
        ledger.settle([settle(claim)])
        answer = waiting.result()
    # Then the status says so, and the body why
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    problem = answer.json()
    assert (problem["code"], problem["detail"]) == (state, "value: is not in ThreatQ")
    assert (problem["id"], problem["status_url"]) == (claim.id, f"/v1/jobs/{claim.id}")
    # and so does the job afterwards
    job = shim.call("GET", problem["status_url"]).json()
    assert (job["state"], job["status"], job["result"]["reason"]) == (state, status, problem["detail"])


def test_what_an_action_changed_since_is_seen_by_the_same_question_again(shim: Shim) -> None:
    body = {"type": "FQDN", "value": "bad.example"}
    verdict = {**body, "verdict": "true positive"}
    first = shim.post("/v1/actions/mark", verdict).json()
    assert shim.post("/v1/actions/mark", verdict).json()["id"] == first["id"]
    # When the analyst thinks better of it, and better still
    second = shim.post("/v1/actions/mark", {**body, "verdict": "false positive"}).json()
    third = shim.post("/v1/actions/mark", verdict).json()
    # Then the last verdict is the last one given
    assert len({first["id"], second["id"], third["id"]}) == 3
    assert not third["duplicate"]


@pytest.mark.parametrize(
    ("action", "body", "status", "field"),
    [
        (
            "mark",
            {"type": "FQDN", "value": "x", "verdict": "maybe"},
            422,
            "verdict: must be one of: true positive, false positive",
        ),
        ("lookup", {"type": "FQDN"}, 422, "value: is missing; there are type, value"),
        ("lookup", {"type": "FQDN", "value": ""}, 422, "value: is empty"),
        ("lookup", {"type": "FQDN", "value": " "}, 422, "value: is blank"),
        (
            "lookup",
            {"type": "FQDN", "value": "x", "vlaue": "x"},
            422,
            "vlaue: is not known here; there are type",
        ),
        ("lookup", {"type": "FQDN", "value": 7}, 422, "value: Expected str, got int"),
        ("lookup", [], 422, "must be one JSON object with type, value"),
        ("lookup", b"", 400, "the body is empty; send a JSON object with type, value"),
        ("delete", {"type": "FQDN", "value": "x"}, 404, "whitelist"),
        ("lookup", b"{", 400, "JSON"),
        ("lookup?wait=soon", {"type": "FQDN", "value": "x"}, 400, "wait"),
    ],
)
def test_a_wrong_action_is_refused_by_its_field(
    shim: Shim, admin: LedgerAdmin, action: str, body: Any, status: int, field: str
) -> None:
    answer = shim.post(f"/v1/actions/{action}", body)
    assert answer.status_code == status
    assert field in answer.json()["detail"]
    assert admin.open_jobs()["enrichment"] == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"type": "FQDN", "value": "bad\\ud800.example"}', "value"),
        (b'{"type": "FQDN", "value": "bad.example", "attributes": [["a", "\\udc00"]]}', "attributes"),
        (b'{"type": "FQDN", "value": "bad\\u0000.example"}', "value"),
    ],
)
def test_text_that_no_service_takes_is_refused_by_its_field(
    shim: Shim, admin: LedgerAdmin, body: bytes, field: str
) -> None:
    # When half a surrogate pair, or NUL, stands in an action, then nothing is enqueued
    answer = shim.post("/v1/actions/add", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_action")
    assert answer.json()["detail"].startswith(f"{field}: holds ")
    assert admin.open_jobs()["enrichment"] == 0


def test_an_action_above_the_bound_of_the_event_loop_is_read_too(shim: Shim) -> None:
    attributes = [[f"name {number}", "x" * 300] for number in range(100)]
    body = {"type": "FQDN", "value": "bad.example", "attributes": attributes}
    assert shim.post("/v1/actions/add", body).status_code == 202
