"""Indicators, events and other objects of the simulated ThreatQ."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.integration

EVENT = {"title": "Login, failed", "type": "Login Compromise", "happened_at": "2024-03-01 10:00:00"}


def test_lookups_have_the_names_and_ids_of_a_fresh_installation(threatq_sandbox):
    types = threatq_sandbox.get("/api/indicator/types", limit=500)

    assert types["total"] == 34
    assert {"IP Address": 15, "URL": 30}.items() <= {row["name"]: row["id"] for row in types["data"]}.items()
    statuses = threatq_sandbox.get("/api/indicator/statuses")["data"]
    assert [row["name"] for row in statuses[:5]] == ["Active", "Expired", "Indirect", "Review", "Whitelisted"]
    assert threatq_sandbox.get("/api/event/types")["data"][13]["name"] == "Sighting"
    assert threatq_sandbox.get("/api/indicator/types", name="fqdn")["data"][0]["class"] == "network"
    assert threatq_sandbox.get("/api/event/types/1")["data"]["name"] == "Spearphish"


def test_a_second_installation_has_other_ids_and_no_sighting(threatq_sandbox):
    threatq_sandbox.control("reset", {"id_layout": "second"})

    types = {row["name"]: row["id"] for row in threatq_sandbox.get("/api/indicator/types")["data"]}
    events = {row["name"]: row["id"] for row in threatq_sandbox.get("/api/event/types")["data"]}
    assert types["IP Address"] != 15
    assert len(types) == 34
    assert "Sighting" not in events
    created = threatq_sandbox.post("/api/event/types", {"name": "Sighting"})["data"]
    assert threatq_sandbox.get(f"/api/event/types/{created['id']}")["data"]["name"] == "Sighting"
    assert threatq_sandbox.call("POST", "/api/event/types", {"name": "sighting"}).status_code == 400


def test_objects_tell_their_endpoints(threatq_sandbox):
    kinds = {row["display_name"]: row for row in threatq_sandbox.get("/api/objects")["data"]}

    assert kinds["Indicator"]["collection"] == "indicators"
    assert kinds["Malware"]["collection"] == "malware"
    assert kinds["Asset"]["collection"] == "asset"
    assert len(kinds["Event"]["types"]) == 14


def test_one_indicator_is_answered_as_a_list_and_a_repeat_says_so(threatq_sandbox):
    item = {"value": "192.0.2.10", "type": "IP Address", "status": "Active"}

    first = threatq_sandbox.post("/api/indicators", item)["data"][0]
    again = threatq_sandbox.post("/api/indicators", item)["data"][0]

    assert (first["existing"], again["existing"]) == ("N", "Y")
    assert first["id"] == again["id"]
    assert first["class"] == "network"
    assert len(first["hash"]) == 32
    other_type = threatq_sandbox.post("/api/indicators", {**item, "type": "String"})["data"][0]
    assert other_type["id"] != first["id"]


@pytest.mark.parametrize(
    "path", ["/api/indicators/consume/new", "/api/indicators/consume", "/api/indicators"]
)
def test_a_list_of_indicators_comes_with_all_that_hangs_on_them(threatq_sandbox, path):
    event = threatq_sandbox.post("/api/events", EVENT)["data"]
    item = {
        "value": "bad.example",
        "type": {"name": "FQDN"},
        "status": {"name": "Review"},
        "sources": [{"name": "LogRhythm", "tlp_id": 2}],
        "attributes": [{"name": "False Positive", "value": "Yes", "sources": [{"name": "LogRhythm"}]}],
        "tags": ["x", {"name": "y"}],
        "comments": [{"value": "seen"}],
        "events": [{"id": event["id"]}],
        "malware": [{"value": "Emotet"}],
    }

    id = threatq_sandbox.post(path, [item, {"value": "worse.example", "type": "FQDN"}])["data"][0]["id"]

    expansions = "status,score,sources,attributes,attributes.sources,tags,comments,events,malware"
    row = threatq_sandbox.get(f"/api/indicators/{id}", **{"with": expansions})["data"]
    assert row["status"]["name"] == "Review"
    assert row["score"]["generated_score"] == "0.00"
    assert [(source["name"], source["tlp_id"]) for source in row["sources"]] == [("LogRhythm", 2)]
    assert row["attributes"][0]["attribute"]["name"] == "False Positive"
    assert row["attributes"][0]["sources"][0]["name"] == "LogRhythm"
    assert {tag["name"] for tag in row["tags"]} == {"x", "y"}
    assert row["comments"][0]["value"] == "seen"
    assert row["events"][0]["pivot"]["id"]
    assert row["malware"][0]["value"] == "Emotet"
    assert threatq_sandbox.get(f"/api/events/{event['id']}/indicators")["data"][0]["id"] == id
    assert threatq_sandbox.get(f"/api/indicators/{id}/details")["data"]["malware"][0]["value"] == "Emotet"


def test_a_missing_status_is_indirect_and_consuming_keeps_a_protected_one(threatq_sandbox):
    item = {"value": "bad.example", "type": "FQDN"}
    id = threatq_sandbox.post("/api/indicators/consume", [item])["data"][0]["id"]

    def status():
        return threatq_sandbox.get(f"/api/indicators/{id}")["data"]["status_id"]

    assert status() == 3
    threatq_sandbox.post("/api/indicators/consume", [{**item, "status": "Active"}])
    assert status() == 3
    threatq_sandbox.put(f"/api/indicators/{id}", {"status": "False Positive"})
    threatq_sandbox.post("/api/indicators/consume", [{**item, "status": "Active"}])
    assert status() == 1


@pytest.mark.parametrize(
    ("body", "params"),
    [
        ({"status_id": 5}, {}),
        ({"status": "Whitelisted"}, {}),
        ({"status": {"name": "Whitelisted"}}, {}),
        # a client that puts its fields into the query string
        (None, {"status_id": 5}),
    ],
)
def test_a_put_changes_the_status_in_every_spelling(threatq_sandbox, body, params):
    id = threatq_sandbox.post("/api/indicators", {"value": "a.example", "type": "FQDN"})["data"][0]["id"]

    row = threatq_sandbox.put(f"/api/indicators/{id}", body, **params)["data"]

    assert row["status_id"] == 5


def test_a_manual_score_overrides_until_it_is_taken_back(threatq_sandbox):
    id = threatq_sandbox.post("/api/indicators", {"value": "a.example", "type": "FQDN"})["data"][0]["id"]

    assert (
        threatq_sandbox.put(f"/api/indicator/{id}/scores", {"manual_score": 7})["data"]["manual_score"] == "7"
    )
    taken_back = threatq_sandbox.put(f"/api/indicator/{id}/scores", {"manual_score": None})["data"]
    assert taken_back["manual_score"] is None
    assert taken_back["generated_score"] == "0.00"


def test_finding_is_exact_with_or_lists_and_wildcards(threatq_sandbox):
    values = ["a.example", "b.example", "c.test"]
    threatq_sandbox.post("/api/indicators", [{"value": value, "type": "FQDN"} for value in values])

    def found(**params):
        return [row["value"] for row in threatq_sandbox.get("/api/indicators", **params)["data"]]

    assert found(value="a.example") == ["a.example"]
    assert found(value="a.example", type_id=15) == []
    assert found(value="a.example,c.test") == ["a.example", "c.test"]
    assert found(value="%.example", sort="-value") == ["b.example", "a.example"]
    assert found(limit=1, offset=1) == ["b.example"]
    assert threatq_sandbox.get("/api/indicators", limit=1)["total"] == 3
    assert threatq_sandbox.get("/api/indicators", value="absent") == {"total": 0, "data": []}


def test_a_title_with_a_comma_is_only_found_by_a_wildcard(threatq_sandbox):
    threatq_sandbox.post("/api/events", EVENT)

    assert threatq_sandbox.get("/api/events", title=EVENT["title"])["total"] == 0
    assert threatq_sandbox.get("/api/events", title="Login%")["total"] == 1


def test_an_event_is_answered_as_an_object_and_a_repeat_is_the_same_event(threatq_sandbox):
    first = threatq_sandbox.post("/api/events", EVENT)["data"]
    again = threatq_sandbox.post("/api/events", EVENT)["data"]
    consumed = threatq_sandbox.post("/api/events/consume", [EVENT])["data"][0]

    assert first["id"] == again["id"] == consumed["id"]
    assert first["type"]["name"] == "Login Compromise"
    assert first["happened_at"] == EVENT["happened_at"]
    later = threatq_sandbox.post("/api/events", {**EVENT, "happened_at": "2024-03-01 10:00:01"})["data"]
    assert later["id"] != first["id"]


def test_events_without_a_key_are_made_anew_each_time(threatq_sandbox):
    threatq_sandbox.behave(event_key="none")

    ids = {threatq_sandbox.post("/api/events", EVENT)["data"]["id"] for _ in range(2)}

    assert len(ids) == 2


def test_an_event_can_be_changed_and_deleted(threatq_sandbox):
    id = threatq_sandbox.post("/api/events", EVENT)["data"]["id"]

    changed = threatq_sandbox.put(f"/api/events/{id}", {"title": "New", "description": "text"})["data"]
    threatq_sandbox.delete(f"/api/events/{id}")

    assert (changed["title"], changed["description"]) == ("New", "text")
    assert threatq_sandbox.call("GET", f"/api/events/{id}").status_code == 404


def test_other_kinds_are_objects_with_the_name_of_their_kind(threatq_sandbox):
    malware = threatq_sandbox.post("/api/malware", {"value": "Emotet", "description": "loader"})["data"]

    assert malware["object_code"] == "malware"
    assert threatq_sandbox.get("/api/malware", value="Emotet")["data"][0]["id"] == malware["id"]
    assert threatq_sandbox.call("GET", "/api/unheard_of").status_code == 404


def test_relations_are_idempotent_go_both_ways_and_end_by_their_pivot(threatq_sandbox):
    event = threatq_sandbox.post("/api/events", EVENT)["data"]["id"]
    who = threatq_sandbox.post("/api/identity", {"value": "jdoe"})["data"]["id"]

    first = threatq_sandbox.post(f"/api/events/{event}/identity", {"id": who})["data"][0]["pivot"]["id"]
    again = threatq_sandbox.post(f"/api/identity/{who}/events", [{"id": event}])["data"][0]["pivot"]["id"]
    assert first == again
    assert threatq_sandbox.get(f"/api/identity/{who}/events")["data"][0]["title"] == EVENT["title"]

    threatq_sandbox.delete(f"/api/events/{event}/identity", [first])
    assert threatq_sandbox.get(f"/api/events/{event}/identity")["total"] == 0


def test_beyond_the_relation_cap_there_is_no_pivot(threatq_sandbox):
    threatq_sandbox.behave(relation_cap=1)
    event = threatq_sandbox.post("/api/events", EVENT)["data"]["id"]
    people = [threatq_sandbox.post("/api/identity", {"value": name})["data"]["id"] for name in "ab"]

    rows = threatq_sandbox.post(f"/api/events/{event}/identity", [{"id": id} for id in people])["data"]

    assert ["pivot" in row for row in rows] == [True, False]


def test_attributes_are_idempotent_by_name_and_value(threatq_sandbox):
    id = threatq_sandbox.post("/api/events", EVENT)["data"]["id"]

    first = threatq_sandbox.post(f"/api/events/{id}/attributes", {"name": "Country", "value": "US"})["data"][
        0
    ]
    again = threatq_sandbox.post(f"/api/events/{id}/attributes", [{"name": "Country", "value": "US"}])[
        "data"
    ][0]
    threatq_sandbox.post(f"/api/events/{id}/attributes", {"name": "Country", "value": "DE"})

    assert first["id"] == again["id"]
    assert [row["value"] for row in threatq_sandbox.get(f"/api/events/{id}/attributes")["data"]] == [
        "US",
        "DE",
    ]
    threatq_sandbox.put(f"/api/events/{id}/attributes/{first['id']}", {"value": "FR"})
    assert threatq_sandbox.get(f"/api/events/{id}/attributes")["data"][0]["value"] == "FR"
    threatq_sandbox.delete(f"/api/events/{id}/attributes/{first['id']}")
    assert threatq_sandbox.get(f"/api/events/{id}/attributes")["total"] == 1


def test_sources_tags_and_comments_are_added_one_by_one(threatq_sandbox):
    id = threatq_sandbox.post("/api/indicators", {"value": "a.example", "type": "FQDN"})["data"][0]["id"]

    first = threatq_sandbox.post(f"/api/indicators/{id}/sources", {"name": "LogRhythm"})["data"][0]
    again = threatq_sandbox.post(f"/api/indicators/{id}/sources", {"name": "LogRhythm"})["data"][0]
    assert (first["existing"], again["existing"]) == (0, 1)
    threatq_sandbox.delete(f"/api/indicators/{id}/sources/{first['id']}")
    names = [row["name"] for row in threatq_sandbox.get(f"/api/indicators/{id}/sources")["data"]]
    assert names == ["Connector"]
    assert threatq_sandbox.post(f"/api/indicators/{id}/tags", [{"name": "t"}])["data"][0]["name"] == "t"
    comment = threatq_sandbox.post(f"/api/indicators/{id}/comments", {"value": "one"})["data"]
    threatq_sandbox.put(f"/api/indicators/comments/{comment['id']}", {"value": "two"})
    assert threatq_sandbox.get(f"/api/indicators/{id}/comments")["data"][0]["value"] == "two"


def test_urls_lose_their_scheme_and_bare_hosts_become_domains_on_request(threatq_sandbox):
    def stored(value, type, **more):
        item = {"value": value, "type": type, **more}
        row = threatq_sandbox.post("/api/indicators/consume/new", [item])["data"][0]
        return row["value"], row["type"]["name"]

    assert stored("http://a.example/x?y=1", "URL") == ("http://a.example/x?y=1", "URL")
    assert stored("http://a.example/x?y=1", "URL", normalize="Y") == ("a.example/x?y=1", "URL")
    assert stored("hxxps://b[.]example/", "URL", normalize="Y") == ("b.example", "FQDN")
    assert stored("192.0.2.1:443", "IP Address", normalize="Y") == ("192.0.2.1", "IP Address")
    threatq_sandbox.behave(strip_scheme="always")
    assert stored("ftp://c.example/f", "URL") == ("c.example/f", "URL")
    threatq_sandbox.behave(strip_scheme="never")
    assert stored("ftp://d.example/f", "URL", normalize="Y") == ("ftp://d.example/f", "URL")


def test_an_underscore_in_with_is_a_server_error_and_camel_case_is_not(threatq_sandbox):
    threatq_sandbox.post("/api/indicators", {"value": "a.example", "type": "FQDN"})

    assert threatq_sandbox.call("GET", "/api/indicators", **{"with": "attack_pattern"}).status_code == 500
    assert threatq_sandbox.call("GET", "/api/indicators", **{"with": "attackPattern"}).status_code == 200


def test_the_user_who_asks_is_known(threatq_sandbox):
    assert threatq_sandbox.get("/api/users/current")["data"]["source"]["id"]
