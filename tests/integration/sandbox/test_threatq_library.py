"""The threat library of the simulated ThreatQ: queries, pages, data collections; and its connectors."""

from __future__ import annotations

import json

import pytest

from sandbox.threatq.control import value_of
from sandbox.threatq.model.defaults import PRIVATE_CLIENT_ID, PRIVATE_CLIENT_SECRET

pytestmark = pytest.mark.integration

QUERY = "/api/indicators/query"


@pytest.fixture
def seeded(threatq_sandbox):
    """Twenty indicators of five types with scores 0 to 10, every seventh without a score."""
    threatq_sandbox.control("seed", {"indicators": 20, "unscored_every": 7})
    return threatq_sandbox


def values(sandbox, body, **params):
    return [row.get("value") for row in sandbox.post(QUERY, body, **params)["data"]]


def test_seeded_values_follow_from_their_number(seeded):
    data = seeded.post(QUERY, {}, limit=5)["data"]

    types = ("IP Address", "FQDN", "MD5", "SHA-1", "SHA-256")
    assert [row["value"] for row in data] == [value_of(type, number) for number, type in enumerate(types)]
    assert seeded.control("seed", {"indicators": 5, "start": 20}) == {"indicators": 25}
    assert seeded.control("expire", {"every": 5}) == {"expired": 5}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 20),
        ({"criteria": {}, "filters": {"type_name": "FQDN"}}, 4),
        ({"filters": {"+or": [{"type_name": "FQDN"}, {"type_name": ["MD5", "SHA-1"]}]}}, 12),
        ({"filters": {"+and": [{"status_name": "Active"}, {"score": {"+gte": 9}}]}}, 2),
        ({"filters": {"status_name": {"is": "Expired"}}}, 0),
        ({"criteria": {"value": "host-1.example"}, "filters": {"type_name": "FQDN"}}, 1),
        ({"criteria": {"mentions": "host-1"}}, 3),
        ({"criteria": {"value": {"+contains": "host-1"}}}, 3),
        ({"criteria": {"+and": [{"type": {"name": "FQDN"}}, {"value": "host-6.example"}]}}, 1),
        ({"filters": {"created_at": {"+gt": "NOW-1DAY", "+lte": "NOW"}}}, 20),
        ({"filters": {"updated_at": {"+lt": "2020-01-01 00:00:00"}}}, 0),
        ({"filters": {"source_name": "Connector"}}, 0),
    ],
)
def test_the_query_language_finds_what_it_says(seeded, query, count):
    assert seeded.post(QUERY, query)["total"] == count


@pytest.mark.parametrize(
    "query",
    [
        {"filters": {"colour": "red"}},
        {"filters": {"score": {"+about": 5}}},
        {"filters": {"score": "high"}},
        {"filters": {"created_at": {"+gt": "some day"}}},
        {"filters": "FQDN"},
        {"fields": 5},
    ],
)
def test_a_query_that_is_not_understood_is_a_400(seeded, query):
    assert seeded.call("POST", QUERY, query).status_code == 400


def test_the_index_row_differs_from_the_crud_row(seeded):
    library = seeded.post(QUERY, {}, limit=2)["data"][1]
    record = seeded.get(f"/api/indicators/{library['id']}", **{"with": "score"})["data"]

    assert library["score"] == 1
    assert record["score"]["generated_score"] == "1.00"
    assert library["type"]["name"] == "FQDN"
    assert library["status"]["name"] == "Active"
    assert library["hash"] == record["hash"]


def test_fields_choose_columns_and_make_names_plain(seeded):
    query = {"fields": ["id", "value", "type", "score", "status"]}

    rows = seeded.post(QUERY, query, limit=2)["data"]

    # Number 0 has no score: what is empty is left out.
    assert rows[0] == {"id": 1, "value": value_of("IP Address", 0), "type": "IP Address", "status": "Active"}
    assert rows[1]["score"] == 1
    assert list(seeded.post(QUERY, {}, limit=1, fields="id,value")["data"][0]) == ["id", "value"]


def test_the_rows_of_2026_leave_out_attributes_and_sources_until_asked(threatq_sandbox):
    item = {"value": "a.example", "type": "FQDN", "attributes": [{"name": "Country", "value": "US"}]}
    threatq_sandbox.post("/api/indicators", {**item, "tags": ["t"]})

    def row(**params):
        return threatq_sandbox.post(QUERY, {}, **params)["data"][0]

    before = row()
    assert before["attributes"][0]["name"] == "Country"
    assert before["sources"][0]["name"] == "Connector"
    assert before["tags"] == ["t"]
    threatq_sandbox.behave(rows_2026=True)
    assert not {"attributes", "sources"} & row().keys()
    assert row(fields="*,attributes,sources") == before


def test_offset_pages_add_up_to_the_total(seeded):
    pages = [seeded.post(QUERY, {}, limit=8, offset=offset) for offset in (0, 8, 16)]

    assert [len(page["data"]) for page in pages] == [8, 8, 4]
    assert {page["total"] for page in pages} == {20}
    assert pages[1]["offset"] == 8
    assert len({row["id"] for page in pages for row in page["data"]}) == 20


@pytest.mark.parametrize("sort", ["id", "updated_at", "-updated_at", "score", "-created_at,-id"])
def test_a_cursor_visits_every_row_once_and_then_stands_still(seeded, sort):
    seen, mark = [], "*"
    while True:
        page = seeded.post(QUERY, {}, limit=6, sort=sort, cursorMark=mark)
        seen += [row["id"] for row in page["data"]]
        if page["nextCursorMark"] == mark:
            break
        mark = page["nextCursorMark"]

    assert sorted(seen) == list(range(1, 21))


@pytest.mark.parametrize("params", [{"cursorMark": "nonsense"}, {"sort": "colour"}, {"sort": "-id,score"}])
def test_a_page_that_cannot_be_is_a_400(seeded, params):
    assert seeded.call("POST", QUERY, {}, **params).status_code == 400


def test_an_empty_page_is_a_list_or_an_object(seeded):
    assert seeded.post(QUERY, {}, offset=20)["data"] == []
    seeded.behave(empty_page_object=True)
    assert seeded.post(QUERY, {}, offset=20)["data"] == {}


def test_the_index_lags_behind_on_request(seeded):
    seeded.behave(index_lag_s=3600)

    assert seeded.post(QUERY, {})["total"] == 0
    assert seeded.get("/api/indicators")["total"] == 20


def test_a_data_collection_is_seen_by_its_owner_and_by_others_once_shared(seeded):
    fqdn = {"filters": {"type_name": "FQDN"}}
    seeded.control("collections", {"name": "Block list", "query": fqdn, "shared": False})

    assert seeded.get("/api/search/query")["data"] == []
    seeded.control("collections/share", {"name": "Block list", "shared": True})
    found = seeded.get("/api/search/query")["data"][0]
    assert found["json"]["api_query"] == fqdn
    assert seeded.get(f"/api/indicators/query/hash/{found['hash']}", limit=3)["total"] == 4
    seeded.control("collections/share", {"name": "Block list", "shared": False})
    assert seeded.call("GET", f"/api/indicators/query/hash/{found['hash']}").status_code == 404


def test_what_a_client_saves_belongs_to_it(seeded):
    api_query = {"criteria": {}, "filters": {"type_name": "MD5"}}
    saved = {"name": None, "json": {"ui_query": {}, "api_query": api_query}}

    mine = seeded.post("/api/search/query", saved)["data"]

    assert seeded.get(f"/api/indicators/query/hash/{mine['id']}", cursorMark="*", sort="id")["total"] == 4
    basic = (PRIVATE_CLIENT_ID, PRIVATE_CLIENT_SECRET)
    token = seeded.http.post(
        f"{seeded.url}/api/token", params={"grant_type": "client_credentials"}, auth=basic, timeout=5
    ).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert seeded.http.get(f"{seeded.url}/api/search/query", headers=headers, timeout=5).json()["total"] == 0


def test_a_saved_search_carries_its_query_as_object_or_string(seeded):
    seeded.control("collections", {"name": "All", "query": {}})
    seeded.behave(search_json="string")

    query = seeded.get("/api/search/query")["data"][0]["json"]

    assert json.loads(query)["api_query"] == {}


def test_a_keyword_finds_objects_of_every_kind(seeded):
    event = {"title": "host-1 seen", "type": "Sighting", "happened_at": "2024-03-01 10:00:00"}
    seeded.post("/api/events", event)

    found = seeded.get("/api/search", query="host-1", limit=50)["data"]

    assert {row["object"] for row in found} == {"indicator", "event"}


def test_events_have_a_library_too(threatq_sandbox):
    event = {"title": "seen", "type": "Sighting", "happened_at": "2024-03-01 10:00:00"}
    threatq_sandbox.post("/api/events", event)

    query = {"criteria": {"title": "seen"}, "filters": {"type_name": "Sighting"}}
    row = threatq_sandbox.post("/api/events/query", query)["data"][0]

    assert row["happened_at"] == event["happened_at"]


def test_a_connector_starts_switched_off_and_is_set_up_in_the_ui(threatq_sandbox):
    fields = [{"name": "private_ips", "label": "Private IPs", "type": "text", "default": "10.0.0.0/8"}]
    body = {"name": "Events Builder", "category": "Labs", "custom_fields": fields}

    made = threatq_sandbox.post("/api/connectors", body)["data"]
    assert made["is_active"] is False
    assert made["custom_fields"] == {"private_ips": "10.0.0.0/8"}
    assert threatq_sandbox.post("/api/connectors", body)["data"]["id"] == made["id"]

    changes = {"is_active": True, "custom_fields": {"private_ips": "192.168.0.0/16"}}
    threatq_sandbox.control("connector", {"name": "Events Builder", **changes})
    read = threatq_sandbox.get("/api/connectors", name="Events Builder")["data"][0]
    assert changes.items() <= read.items()
    touched = threatq_sandbox.put(
        f"/api/connectors/{made['id']}", {"last_import_count": 3, "is_active": "False"}
    )
    assert (touched["data"]["last_import_count"], touched["data"]["is_active"]) == (3, False)


def test_a_comment_may_be_longer_than_a_description(threatq_sandbox):
    event = {"title": "seen", "type": "Sighting", "happened_at": "2024-03-01 10:00:00"}
    id = threatq_sandbox.post("/api/events", event)["data"]["id"]
    text = "x" * 200_000

    assert threatq_sandbox.post(f"/api/events/{id}/comments", {"value": text})["data"]["value"] == text
    too_long = threatq_sandbox.call("PUT", f"/api/events/{id}", {"description": text})
    assert too_long.status_code == 400
