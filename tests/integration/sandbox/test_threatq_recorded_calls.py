"""Calls that public clients of ThreatQ make beside ours, as those clients make them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests

from sandbox.threatq.model.defaults import CLIENT_ID
from tests.support.sandbox_threatq import SandboxThreatQ

pytestmark = pytest.mark.integration

EVENT = {"title": "seen", "type": "Sighting", "happened_at": "2024-03-01 10:00:00"}

#: Every byte, and what parsers of forms stumble over.
BYTES = bytes(range(256)) * 3 + b"\r\n--x\r\n\n\r \r"


def form(sandbox: SandboxThreatQ, path: str, fields: dict[str, str], name: str, content: bytes) -> Any:
    """Post a form with a file."""
    sandbox.login()
    answer = sandbox.http.post(sandbox.url + path, data=fields, files={"file": (name, content)}, timeout=10)
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


def download(sandbox: SandboxThreatQ, id: int) -> requests.Response:
    return sandbox.call("GET", f"/api/attachments/{id}/download")


def three(sandbox: SandboxThreatQ) -> None:
    items = [{"value": f"{name}.example", "type": "FQDN", "status": "Active"} for name in "abc"]
    sandbox.post("/api/indicators", items)


def values(answer: Any) -> list[str]:
    return [row["value"] for row in answer["data"]]


def test_a_file_that_is_uploaded_with_its_attachment_comes_back_as_it_was(
    threatq_sandbox: SandboxThreatQ,
) -> None:
    types = {row["name"]: row["id"] for row in threatq_sandbox.get("/api/attachments/types")["data"]}

    fields = {"name": "a.bin", "title": "Sample", "type": "Malware Sample", "malware_locked": "1"}
    made = form(threatq_sandbox, "/api/attachments", fields, "a.bin", BYTES)

    told = {"name": "a.bin", "title": "Sample", "malware_locked": 1, "file_size": len(BYTES)}
    assert told.items() <= made.items()
    assert made["type"]["name"] == "Malware Sample"
    assert made["type_id"] == types["Malware Sample"]
    assert (
        threatq_sandbox.get(f"/api/attachments/types/{made['type_id']}")["data"]["name"] == "Malware Sample"
    )
    hit = threatq_sandbox.get("/api/search", query="Sampl")["data"]
    assert hit == [{"id": made["id"], "value": '"Sample" a.bin', "object": "attachment"}]
    answer = download(threatq_sandbox, made["id"])
    assert (answer.content, answer.headers["Content-Disposition"].split('"')[1]) == (BYTES, "a.bin")


def test_a_file_is_uploaded_in_chunks_before_its_attachment_and_relates_to_an_event(
    threatq_sandbox: SandboxThreatQ,
) -> None:
    event = threatq_sandbox.post("/api/events", EVENT)["data"]["id"]
    for number, chunk in enumerate((BYTES, b"tail"), start=1):
        fields = {"resumableFilename": "log.txt", "resumableChunkNumber": str(number)}
        form(threatq_sandbox, "/api/attachments/upload", fields, "blob", chunk)

    attachment = {"name": "log.txt", "type": "Generic Text", "events": [{"id": event}]}
    made = threatq_sandbox.post("/api/attachments", attachment)["data"]

    assert made["title"] == "log.txt"
    assert download(threatq_sandbox, made["id"]).content == BYTES + b"tail"
    assert threatq_sandbox.get(f"/api/events/{event}/attachments")["data"][0]["id"] == made["id"]
    assert threatq_sandbox.call("POST", "/api/attachments", attachment).status_code == 400
    threatq_sandbox.delete(f"/api/attachments/{made['id']}")
    assert download(threatq_sandbox, made["id"]).status_code == 404


@pytest.mark.parametrize("fields", [{"name": "a"}, {"name": "a", "type": "Nothing"}])
def test_a_file_without_a_type_that_there_is_is_refused(
    threatq_sandbox: SandboxThreatQ, fields: dict[str, str]
) -> None:
    threatq_sandbox.login()
    url = f"{threatq_sandbox.url}/api/attachments"
    answer = threatq_sandbox.http.post(url, data=fields, files={"file": ("a", b"x")}, timeout=10)
    assert (answer.status_code, list(answer.json()["data"]["errors"])) == (400, ["type"])


def test_a_spearphish_mail_becomes_an_event_step_by_step(threatq_sandbox: SandboxThreatQ) -> None:
    mail = {"title": "Invoice", "happened_at": EVENT["happened_at"], "type": "Spearphish", "text": "From: x"}
    id = threatq_sandbox.post("/api/events/import", mail)["data"]["id"]
    path = f"/api/events/import/{id}"
    threatq_sandbox.put(path, {"indicator_status_id": 4, "globals": {}}, **{"with": "attachments,events"})
    draft = threatq_sandbox.get(path, **{"with": "attachments,events"})["data"]["events"][0]["id"]
    threatq_sandbox.put(f"{path}/events/{draft}", {"title": "Invoice 2", "description": None})

    made = threatq_sandbox.get(f"{path}/commit")["data"]["id"]

    event = threatq_sandbox.get(f"/api/events/{made}", **{"with": "type"})["data"]
    assert (event["title"], event["type"]["name"], event["description"]) == (
        "Invoice 2",
        "Spearphish",
        "From: x",
    )
    assert threatq_sandbox.call("GET", path).status_code == 404


def test_an_event_has_the_text_of_its_mail_and_an_adversary_its_description(
    threatq_sandbox: SandboxThreatQ,
) -> None:
    event = threatq_sandbox.post("/api/events", EVENT)["data"]["id"]
    made = threatq_sandbox.post(f"/api/events/{event}/spearphish", {"value": "From: x"})["data"]
    shown = threatq_sandbox.get(f"/api/events/{event}", **{"with": "spearphish"})["data"]["spearphish"]
    assert shown == [made]

    adversary = threatq_sandbox.post("/api/adversaries", {"name": "Bear"})["data"]["id"]
    threatq_sandbox.post(f"/api/adversaries/{adversary}/description", {"value": "known since 2010"})
    told = threatq_sandbox.get(f"/api/adversaries/{adversary}/description")["data"]
    assert told["value"] == "known since 2010"


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([[("indicator_type", "is", 11), ("indicator_value", "like", "b.ex")]], ["b.example"]),
        (
            [[("indicator_value", "is", "a.example")], [("indicator_value", "is", "c.example")]],
            ["a.example", "c.example"],
        ),
        ([[("indicator_type", "is", "MD5")]], []),
        ([], ["a.example", "b.example", "c.example"]),
    ],
)
def test_the_older_advanced_search_finds_groups_of_conditions(
    threatq_sandbox: SandboxThreatQ, conditions: list[list[tuple[str, str, object]]], expected: list[str]
) -> None:
    three(threatq_sandbox)
    groups = [
        [{"field": field, "operator": operator, "value": value} for field, operator, value in group]
        for group in conditions
    ]

    answer = threatq_sandbox.post("/api/search/advanced", {"indicators": groups}, limit=1000, offset=0)

    assert (values(answer), answer["total"]) == (expected, len(expected))
    assert all(row["type"]["id"] and row["status"]["id"] for row in answer["data"])


@pytest.mark.parametrize("body", [{}, {"indicators": [[{"field": "colour"}]]}, {"indicators": [["x"]]}])
def test_an_advanced_search_that_cannot_be_is_a_400(threatq_sandbox: SandboxThreatQ, body: object) -> None:
    assert threatq_sandbox.call("POST", "/api/search/advanced", body).status_code == 400


def test_a_tag_is_listed_and_taken_from_an_object(threatq_sandbox: SandboxThreatQ) -> None:
    item = {"value": "a.example", "type": "FQDN", "tags": ["apt", "new"]}
    id = threatq_sandbox.post("/api/indicators", item)["data"][0]["id"]
    tag = threatq_sandbox.get("/api/tags", name="apt")["data"][0]

    threatq_sandbox.delete(f"/api/indicators/{id}/tags/{tag['id']}")

    assert [row["name"] for row in threatq_sandbox.get(f"/api/indicators/{id}/tags")["data"]] == ["new"]
    assert threatq_sandbox.call("DELETE", f"/api/indicators/{id}/tags/{tag['id']}").status_code == 404
    assert threatq_sandbox.get("/api/tags")["total"] == 2


def test_an_object_goes_on_the_watchlist_once_and_off_again(threatq_sandbox: SandboxThreatQ) -> None:
    id = threatq_sandbox.post("/api/indicators", {"value": "a.example", "type": "FQDN"})["data"][0]["id"]

    first = threatq_sandbox.post(f"/api/indicators/{id}/watchlist")["data"]
    again = threatq_sandbox.post(f"/api/indicators/{id}/watchlist")["data"]

    assert (first["id"], first["indicator_id"]) == (again["id"], id)
    watched = threatq_sandbox.get(f"/api/indicators/{id}", **{"with": "watchlist"})["data"]["watchlist"]
    assert [row["id"] for row in watched] == [first["id"]]
    threatq_sandbox.delete(f"/api/indicators/{id}/watchlist/{first['id']}")
    assert threatq_sandbox.get(f"/api/indicators/{id}/watchlist")["total"] == 0


def test_the_status_of_all_that_a_search_finds_is_set_at_once(threatq_sandbox: SandboxThreatQ) -> None:
    three(threatq_sandbox)
    query = {"indicator": {"criteria": {"+or": [{"mentions": "a.ex"}]}, "filters": {}}}

    threatq_sandbox.post("/api/bulk/status", {"query": query, "statuses": {"indicator": 5}})

    rows = threatq_sandbox.get("/api/indicators", sort="id")["data"]
    assert [row["status_id"] for row in rows] == [5, 1, 1]


def test_all_that_a_search_finds_is_deleted_at_once(threatq_sandbox: SandboxThreatQ) -> None:
    three(threatq_sandbox)

    threatq_sandbox.post("/api/indicators/bulk-delete", [{"criteria": {"value": "b.example"}, "filters": {}}])

    assert values(threatq_sandbox.get("/api/indicators", sort="id")) == ["a.example", "c.example"]


@pytest.mark.parametrize("path", ["plugins", "investigations"])
def test_what_the_sandbox_has_none_of_is_an_empty_list(threatq_sandbox: SandboxThreatQ, path: str) -> None:
    assert threatq_sandbox.get(f"/api/{path}") == {"total": 0, "data": []}


def test_the_client_id_stands_in_the_interfaces_script(threatq_sandbox: SandboxThreatQ) -> None:
    script = requests.get(f"{threatq_sandbox.url}/assets/js/config.js", timeout=5).text

    named = re.search(r"ClientId','([^']*)'", script)
    assert named is not None
    assert named[1] == CLIENT_ID


def test_a_connector_may_tell_in_text_whether_it_is_enabled(threatq_sandbox: SandboxThreatQ) -> None:
    threatq_sandbox.behave(connector_flags="text")
    path = f"/api/connectors/{threatq_sandbox.post('/api/connectors', {'name': 'C'})['data']['id']}"

    assert threatq_sandbox.get(path)["data"]["is_active"] == ""
    assert threatq_sandbox.put(path, {"is_active": True})["data"]["is_active"] == "1"
