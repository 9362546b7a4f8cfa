"""Library rows and searches of the simulated ThreatQ against what was recorded of the real one."""

from __future__ import annotations

import pytest

from tests.support.sandbox_threatq import SandboxThreatQ

pytestmark = pytest.mark.integration

QUERY = "/api/indicators/query"


@pytest.fixture
def library(threatq_sandbox: SandboxThreatQ) -> SandboxThreatQ:
    """Three indicators, of which only the first has attributes, a tag, an adversary, a TLP and a comment."""
    threatq_sandbox.behave(new_score=5.75)
    first = {
        "value": "a.example",
        "type": "FQDN",
        "sources": [{"name": "Feed", "tlp": {"name": "AMBER"}}],
        "attributes": [{"name": "Country", "value": "US"}, {"name": "Sector", "value": "Energy"}],
        "tags": ["apt"],
        "comments": [{"value": "seen"}],
        "adversaries": [{"name": "Fancy"}],
    }
    others = [{"value": f"{name}.example", "type": "FQDN", "sources": [{"name": "Feed"}]} for name in "bc"]
    threatq_sandbox.post("/api/indicators/consume", [first, *others])
    return threatq_sandbox


def matches(sandbox: SandboxThreatQ, filters: object) -> list[str]:
    rows = sandbox.post(QUERY, {"criteria": {}, "filters": filters}, sort="id")["data"]
    return [row["value"][0] for row in rows]


def test_a_library_score_is_a_whole_number_where_the_record_has_decimals(library: SandboxThreatQ) -> None:
    row = library.post(QUERY, {}, limit=1)["data"][0]
    score = library.get(f"/api/indicators/{row['id']}", **{"with": "score"})["data"]["score"]

    assert (repr(row["score"]), score["generated_score"]) == ("5", "5.75")
    library.put(f"/api/indicator/{row['id']}/scores", {"manual_score": 7})
    assert repr(library.post(QUERY, {}, limit=1)["data"][0]["score"]) == "7"


def test_an_indicator_that_was_never_scored_has_0_and_not_null(threatq_sandbox: SandboxThreatQ) -> None:
    threatq_sandbox.post("/api/indicators", {"value": "a.example", "type": "FQDN"})

    assert repr(threatq_sandbox.post(QUERY, {})["data"][0]["score"]) == "0"


def test_a_library_row_is_published_and_has_tags_only_if_there_are_some(library: SandboxThreatQ) -> None:
    first, second, _ = library.post(QUERY, {}, sort="id")["data"]

    assert first["tags"] == ["apt"]
    assert "tags" not in second
    assert first["published_at"] == first["created_at"]


def test_a_source_of_a_library_row_has_its_dates_and_the_ids_of_the_indicator(
    library: SandboxThreatQ,
) -> None:
    row = library.post(QUERY, {}, sort="id")["data"][0]

    source, comment = row["sources"][0], row["comments"][0]
    assert source["created_at"]
    assert source["updated_at"]
    assert (source["indicator_type_id"], source["indicator_status_id"]) == (row["type_id"], row["status_id"])
    assert (source["tlp_name"], comment["source_name"]) == ("AMBER", "Connector")


@pytest.mark.parametrize(
    ("filters", "values"),
    [
        ({"attributes": {"name": "Country", "value": "US"}}, "a"),
        # name and value of one attribute, not of two
        ({"attributes": {"name": "Country", "value": "Energy"}}, ""),
        ({"attributes": [{"name": "Nothing"}, {"value": {"+contains": "nerg"}}]}, "a"),
        ({"tags": "apt"}, "a"),
        ({"tag_name": {"+not": "apt"}}, "bc"),
        ({"adversaries": {"name": "Fancy"}}, "a"),
        ({"adversary_name": {"+not": "Fancy"}}, "bc"),
        ({"tlp": "amber"}, "a"),
        ({"+or": [{"tlp_id": 2}, {"value": "c.example"}]}, "ac"),
        ({"source_name": "Feed"}, "abc"),
    ],
)
def test_a_search_filters_on_attributes_adversaries_tlp_and_tags(
    library: SandboxThreatQ, filters: object, values: str
) -> None:
    assert matches(library, filters) == list(values)


@pytest.mark.parametrize(
    "since", ["-30 days", "1 day ago", "-1 month", "2 hours ago", "NOW-1DAY", "2020-01-01"]
)
def test_a_search_takes_times_relative_to_now(library: SandboxThreatQ, since: str) -> None:
    assert matches(library, {"created_at": {"+gt": since, "+lte": "NOW"}}) == ["a", "b", "c"]
    assert matches(library, {"created_at": {"+lt": since}}) == []


@pytest.mark.parametrize(
    "filters",
    [
        {"tags": "apt"},
        {"attributes": {"name": "Country"}},
        {"created_at": {"+gt": "-30 days"}},
        {"tlp": "RED"},
    ],
)
def test_what_is_guessed_of_the_language_can_be_switched_off(
    library: SandboxThreatQ, filters: object
) -> None:
    library.behave(guessed_filters=False)

    assert library.call("POST", QUERY, {"filters": filters}).status_code == 400


@pytest.mark.parametrize(
    "filters", [{"attributes": {"colour": "red"}}, {"tlp": "PINK"}, {"attributes": "US"}]
)
def test_a_filter_that_cannot_be_is_a_400(library: SandboxThreatQ, filters: object) -> None:
    assert library.call("POST", QUERY, {"filters": filters}).status_code == 400


def test_created_sorts_as_created_at_does(library: SandboxThreatQ) -> None:
    for answer in (
        library.post(QUERY, {}, sort="-created"),
        library.get("/api/indicators", sort="-created"),
    ):
        assert len(answer["data"]) == 3


def test_every_kind_runs_saved_searches_and_stix_patterns_are_one(library: SandboxThreatQ) -> None:
    library.post("/api/stix_pattern", {"value": "[file:name = 'a']"})
    library.control("collections", {"name": "All", "query": {}})
    hash = library.get("/api/search/query")["data"][0]["hash"]

    assert library.get(f"/api/stix_pattern/query/hash/{hash}")["total"] == 1
    assert library.get(f"/api/search/query/{hash}", fields="name")["data"] == {"name": "All"}


def test_a_string_is_of_the_network(threatq_sandbox: SandboxThreatQ) -> None:
    assert threatq_sandbox.get("/api/indicator/types", name="String")["data"][0]["class"] == "network"
