"""Objects of the simulated ThreatQ against what was recorded of the real one: rows, ids, types and names."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.sandbox_threatq import SandboxThreatQ

pytestmark = pytest.mark.integration

EVENT = {"title": "seen", "type": "Sighting", "happened_at": "2024-03-01 10:00:00"}
FQDN = {"value": "a.example", "type": "FQDN"}


def indicator(sandbox: SandboxThreatQ, **more: Any) -> Any:
    return sandbox.post("/api/indicators", {**FQDN, **more})["data"][0]


def test_a_row_has_its_type_where_it_is_created_or_asked_for_and_nowhere_else(
    threatq_sandbox: SandboxThreatQ,
) -> None:
    event = threatq_sandbox.post("/api/events", EVENT)["data"]
    created = indicator(threatq_sandbox, events=[{"id": event["id"]}])
    path = f"/api/indicators/{created['id']}"

    shown = [
        threatq_sandbox.get("/api/indicators")["data"][0],
        threatq_sandbox.get(path)["data"],
        threatq_sandbox.put(path, {"status": "Active"})["data"],
        threatq_sandbox.get(f"/api/events/{event['id']}/indicators")["data"][0],
        threatq_sandbox.get("/api/events")["data"][0],
    ]

    assert ["type" in row for row in shown] == [False] * len(shown)
    assert {"name": "FQDN", "class": "network", "wildcard_matching": "Y"}.items() <= created["type"].items()
    assert event["type"]["name"] == "Sighting"
    for row in (
        threatq_sandbox.get("/api/indicators", **{"with": "type"})["data"][0],
        threatq_sandbox.get(f"{path}/details")["data"],
    ):
        assert row["type"]["name"] == "FQDN"


def test_with_takes_camel_case_and_the_answer_has_underscores(threatq_sandbox: SandboxThreatQ) -> None:
    created = indicator(threatq_sandbox, attack_pattern=[{"value": "T1059"}])
    path = f"/api/indicators/{created['id']}"

    row = threatq_sandbox.get(path, **{"with": "attackPattern"})["data"]

    assert [pattern["value"] for pattern in row["attack_pattern"]] == ["T1059"]
    assert "attackPattern" not in row
    assert threatq_sandbox.call("GET", path, **{"with": "attack_pattern"}).status_code == 500
    threatq_sandbox.behave(with_underscores=True)
    assert threatq_sandbox.get(path, **{"with": "attack_pattern"})["data"]["attack_pattern"]


def test_ids_of_relations_are_also_taken_as_text(threatq_sandbox: SandboxThreatQ) -> None:
    event = str(threatq_sandbox.post("/api/events", EVENT)["data"]["id"])
    inline = indicator(threatq_sandbox, events=[{"id": event}])
    other = indicator(threatq_sandbox, value="b.example")

    made = threatq_sandbox.post(f"/api/events/{event}/indicators", [{"id": str(other["id"])}])["data"]

    assert made[0]["pivot"]["dest_object_id"] == other["id"]
    related = threatq_sandbox.get(f"/api/events/{event}/indicators")["data"]
    assert [row["id"] for row in related] == [inline["id"], other["id"]]
    threatq_sandbox.delete(f"/api/events/{event}/indicators", [str(made[0]["pivot"]["id"])])
    assert threatq_sandbox.get(f"/api/events/{event}/indicators")["total"] == 1


@pytest.mark.parametrize("id", ["abc", "9" * 30, [1], None, 99])
def test_an_id_that_nothing_has_is_a_400(threatq_sandbox: SandboxThreatQ, id: object) -> None:
    event = threatq_sandbox.post("/api/events", EVENT)["data"]["id"]

    assert threatq_sandbox.call("POST", f"/api/events/{event}/indicators", [{"id": id}]).status_code == 400
    bulk = threatq_sandbox.post("/api/indicators/consume", [{**FQDN, "events": [{"id": id}]}])["data"][0]
    assert bulk["error"] == "The selected id is invalid."


def test_normalize_in_the_query_is_meant_for_every_item(threatq_sandbox: SandboxThreatQ) -> None:
    items = [{"value": f"https://a.example/{number}", "type": "URL"} for number in range(2001)]

    rows = threatq_sandbox.post("/api/indicators/consume", items, normalize="Y")["data"]
    plain = threatq_sandbox.post("/api/indicators/consume", [{**items[0], "normalize": "N"}], normalize="Y")[
        "data"
    ]

    assert (len(rows), rows[2000]["value"]) == (2001, "a.example/2000")
    assert plain[0]["value"] == "https://a.example/0"


def test_a_second_adversary_of_a_name_is_refused_and_consuming_finds_the_first(
    threatq_sandbox: SandboxThreatQ,
) -> None:
    first = threatq_sandbox.post("/api/adversaries", {"name": "Fancy"})["data"]

    again = threatq_sandbox.call("POST", "/api/adversaries", {"name": "Fancy"})

    assert again.status_code == 400
    assert again.json() == {"data": {"errors": {"name": ["The name has already been taken."]}}}
    assert (
        threatq_sandbox.post("/api/adversaries/consume", [{"name": "Fancy"}])["data"][0]["id"] == first["id"]
    )
    assert (
        threatq_sandbox.post("/api/malware", {"value": "M"})["data"]["id"]
        == (threatq_sandbox.post("/api/malware", {"value": "M"})["data"]["id"])
    )
