"""What the simulated ThreatQ refuses, and in which shapes."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.integration

GOOD = {"value": "good.example", "type": "FQDN"}
BAD = {"value": "  ", "type": "FQDN"}


@pytest.mark.parametrize(
    ("path", "item", "field"),
    [
        ("/api/indicators", BAD, "value"),
        ("/api/indicators", {"value": "a.example"}, "type"),
        ("/api/indicators", {"value": "a.example", "type": "Phone"}, "type"),
        ("/api/indicators", {**GOOD, "status": "Unheard"}, "status"),
        ("/api/indicators", {**GOOD, "attributes": [{"name": "x"}]}, "attributes"),
        ("/api/events", {"type": "Sighting", "happened_at": "2024-03-01 10:00:00"}, "title"),
        ("/api/events", {"title": "t", "type": "Sighting"}, "happened_at"),
        # ISO 8601 was never seen accepted
        (
            "/api/events",
            {"title": "t", "type": "Sighting", "happened_at": "2024-03-01T10:00:00Z"},
            "happened_at",
        ),
        ("/api/malware", {"name": "Emotet"}, "value"),
    ],
)
def test_a_bad_object_is_a_400_that_names_the_field_in_either_shape(threatq_sandbox, path, item, field):
    answer = threatq_sandbox.call("POST", path, item)
    threatq_sandbox.behave(error_shape="list")
    other = threatq_sandbox.call("POST", path, item)

    assert (answer.status_code, other.status_code) == (400, 400)
    assert list(answer.json()["data"]["errors"]) == [field]
    assert isinstance(other.json()["errors"][0], str)


def test_a_bad_item_in_a_list_is_told_in_its_place(threatq_sandbox):
    data = threatq_sandbox.post("/api/indicators/consume", [BAD, GOOD])["data"]

    assert data[0]["error"]
    assert data[1]["id"]


@pytest.mark.parametrize(("how", "status"), [("request", 400), ("errors", 201)])
def test_a_bad_item_refuses_the_whole_list_on_request(threatq_sandbox, how, status):
    threatq_sandbox.behave(bulk_errors=how)

    answer = threatq_sandbox.call("POST", "/api/indicators/consume", [GOOD, BAD])

    assert answer.status_code == status
    assert "errors" in answer.text
    assert threatq_sandbox.get("/api/indicators")["total"] == 0


def test_poisoned_values_are_refused(threatq_sandbox):
    threatq_sandbox.behave(poison=["poison*"])

    data = threatq_sandbox.post("/api/indicators/consume", [{**GOOD, "value": "poison.example"}, GOOD])[
        "data"
    ]

    assert ["error" in row for row in data] == [True, False]


def test_a_fatal_value_fails_its_whole_request_and_leaves_nothing(threatq_sandbox):
    threatq_sandbox.behave(fatal=["fatal*"])

    items = [GOOD, {**GOOD, "value": "fatal.example"}]
    answer = threatq_sandbox.call("POST", "/api/indicators/consume", items)

    assert answer.status_code == 500
    assert threatq_sandbox.get("/api/indicators")["total"] == 0


def test_an_unknown_switch_is_refused(threatq_sandbox):
    answer = threatq_sandbox.http.post(f"{threatq_sandbox.url}/sandbox/behaviour", json={"x": 1}, timeout=5)

    assert answer.status_code == 400


def test_an_unreadable_body_is_a_400(threatq_sandbox):
    token = threatq_sandbox.login()

    answer = threatq_sandbox.http.post(
        f"{threatq_sandbox.url}/api/events",
        data=b"{",
        headers={"Authorization": f"Bearer {token}"},
        timeout=5,
    )

    assert answer.status_code == 400
