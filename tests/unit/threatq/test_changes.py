"""How ThreatQ is asked what has changed, and which saved searches change by themselves."""

from __future__ import annotations

from typing import Any

import pytest

from workers.threatq.changes import EVERYTHING, changed_since, moves_by_itself, query_text
from workers.threatq.collections import Collection

SINCE = {
    "+or": [{"updated_at": {"+gt": "1970-01-02 00:00:00"}}, {"touched_at": {"+gt": "1970-01-02 00:00:00"}}]
}


def test_what_changed_is_asked_for_by_either_time_and_within_the_saved_search() -> None:
    assert changed_since(EVERYTHING, 86_400.9).query["filters"] == SINCE
    collection = Collection("c", {"criteria": {"value": "x"}, "filters": {"status_name": "Active"}})
    assert changed_since(collection, 86_400).query == {
        "criteria": {"value": "x"},
        "filters": {"+and": [{"status_name": "Active"}, SINCE]},
    }


@pytest.mark.parametrize(
    ("filters", "moves"),
    [
        ({"status_name": "Active"}, False),
        ({"created_at": {"+gt": "2024-01-01"}}, False),
        ({"created_at": {"+gt": "2024-01-01 10:00:00", "+lt": "NOW"}}, True),
        ({"+and": [{"+or": [{"published_at": {"+gt": "-30 days"}}]}]}, True),
        ({"expires_at": ["1 week ago"]}, True),
    ],
)
def test_a_saved_search_with_a_date_that_is_not_fixed_changes_by_itself(filters: Any, moves: bool) -> None:
    assert moves_by_itself(Collection("c", {"criteria": {}, "filters": filters})) is moves


def test_the_same_query_has_the_same_text_whatever_the_order_of_its_keys() -> None:
    one = Collection("c", {"criteria": {}, "filters": {"a": 1, "b": 2}})
    other = Collection("c", {"filters": {"b": 2, "a": 1}, "criteria": {}})
    assert query_text(one) == query_text(other)
