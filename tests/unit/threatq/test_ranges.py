"""A collection cut into ranges of created_at: each indicator is in one of them, however they were created."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.errors import ServiceAway
from workers.threatq import ranges
from workers.threatq.changes import created_between, seconds
from workers.threatq.client import Params
from workers.threatq.collections import Collection, CollectionPage, read_page
from workers.threatq.errors import ServiceRefusal
from workers.threatq.ranges import SHARES, SIDE_BY_SIDE, NotCut, Range, cut

COLLECTION = Collection("C", {"criteria": {}, "filters": {"status_name": "Active"}})

#: 2026-01-01, by ThreatQ's clock.
NOW_S = 1_767_225_600

DAY_S = 86_400

AGES = st.one_of(st.integers(0, 60), st.integers(0, DAY_S), st.integers(-DAY_S, 40 * 365 * DAY_S))


class Library:
    """A threat library whose indicators were created at these seconds, None being no time at all."""

    base = "https://threatq.example"
    server_time = float(NOW_S)

    def __init__(
        self, created: list[int | None], *, grows: int = 0, knows_ranges: bool = True, sorts: bool = True
    ) -> None:
        self.created, self.grows, self.knows_ranges, self.sorts = created, grows, knows_ranges, sorts
        self.calls = 0

    def call(
        self, method: str, path: str, *, params: Params | None = None, json: Any = None, type: Any = Any
    ) -> Any:
        self.calls += 1
        self.created = [*self.created, *[NOW_S] * self.grows]
        limits = _limits(json["filters"]) if self.knows_ranges else {}
        found = [
            {"id": number, "value": str(number), "created_at": created and text(created)}
            for number, created in enumerate(self.created, 1)
            if not limits or (created is not None and _is_in(created, limits))
        ]
        given: Params = params or {}
        if self.sorts and given["sort"] == "-id":
            found.reverse()
        page = found[: given["limit"]]
        return msgspec.convert({"data": page, "total": len(found)}, type)


def text(moment_s: int) -> str:
    filters = created_between(Collection("", {}), moment_s, None).query["filters"]
    written: str = filters["created_at"]["+gte"]
    return written


def _limits(filters: dict[str, Any]) -> dict[str, int]:
    given = next((item["created_at"] for item in filters.get("+and", ()) if "created_at" in item), {})
    return {how: seconds(moment) or 0 for how, moment in given.items()}


def _is_in(created: int, limits: dict[str, int]) -> bool:
    return limits.get("+gte", created) <= created < limits.get("+lt", created + 1)


def cut_up(library: Library, smallest: int = 3) -> list[Range]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranges, "SMALLEST", smallest)
        return cut(library, COLLECTION, read_page(library, COLLECTION))


@given(ages=st.lists(AGES, min_size=1, max_size=120))
def test_every_indicator_is_in_one_range_whenever_it_was_created(ages: list[int]) -> None:
    library = Library([NOW_S - age for age in ages])
    found = cut_up(library)
    read = [row.id for item in found for row in read_page(library, item.of(COLLECTION)).rows]
    assert sorted(read) == list(range(1, len(ages) + 1))
    assert sum(item.count for item in found) == len(ages)
    # The largest first, so that none is left alone at the end.
    assert [item.count for item in found] == sorted((item.count for item in found), reverse=True)


@given(ages=st.lists(AGES, min_size=60, max_size=200))
def test_a_range_of_many_indicators_holds_those_of_one_second(ages: list[int]) -> None:
    library = Library([NOW_S - age for age in ages])
    most = max(math.ceil(len(ages) / SHARES), 3)
    for item in cut_up(library):
        rows = read_page(library, item.of(COLLECTION)).rows
        is_inside = item.since_s is not None and item.until_s is not None
        assert not is_inside or len(rows) <= most or len({row.created_at for row in rows}) == 1


def test_a_year_of_indicators_makes_few_ranges_that_are_read_in_whole_rounds() -> None:
    library = Library([NOW_S - 60 * number for number in range(20_000, 0, -1)])
    found = cut_up(library)
    assert SHARES <= len(found) <= 2 * SHARES
    # One left over would be read alone at the end.
    assert len(found) % SIDE_BY_SIDE == 0
    assert max(item.count for item in found) <= math.ceil(20_000 / SHARES)
    assert library.calls < 4 * SHARES


def test_what_came_in_one_day_of_twenty_years_is_cut_too() -> None:
    old, one_day = [NOW_S - 20 * 365 * DAY_S], [NOW_S - 100 * DAY_S + number * 80 for number in range(1_000)]
    found = cut_up(Library([*old, *one_day]))
    assert len(found) >= SHARES
    assert max(item.count for item in found) <= math.ceil(1_001 / SHARES)


def test_indicators_of_one_second_stay_together_and_nothing_is_counted() -> None:
    library = Library([NOW_S - 5_000] * 500)
    assert [item.count for item in cut_up(library)] == [500]
    # The first page, and the newest.
    assert library.calls == 2


def test_a_collection_that_came_nearly_whole_in_one_second_is_not_cut() -> None:
    nearly_whole = cut_up(Library([NOW_S - DAY_S] * 80 + [NOW_S] * 20))
    most = cut_up(Library([NOW_S - DAY_S] * 70 + [NOW_S] * 30))
    assert (nearly_whole, len(most)) == ([Range(count=100)], 2)


def test_an_import_of_one_second_with_a_few_after_it_is_told_by_one_count() -> None:
    library = Library([NOW_S - DAY_S] * 1_600 + [NOW_S - number for number in range(400)])
    assert cut_up(library) == [Range(count=2_000)]
    # The first page, the newest, and the second that brought the first page.
    assert library.calls == 3


def test_a_threatq_that_sorts_one_way_only_is_cut_until_now() -> None:
    library = Library([NOW_S - DAY_S * number for number in range(200, 0, -1)], sorts=False)
    assert len(cut_up(library)) >= SHARES


@pytest.mark.parametrize(
    ("library", "reason"),
    [
        (Library([NOW_S - 1_000, *[None] * 10]), "it has 11 indicators, and 1 by their created_at"),
        (
            Library([NOW_S - 60 * number for number in range(10, 0, -1)], knows_ranges=False),
            "it has 10 indicators, and [1-9]0 by their created_at",
        ),
    ],
)
def test_a_collection_whose_ranges_do_not_come_to_its_total_is_not_cut(library: Library, reason: str) -> None:
    with pytest.raises(NotCut, match=reason):
        cut_up(library)


def test_indicators_that_come_while_it_is_counted_are_no_hindrance() -> None:
    library = Library([NOW_S - 60 * number for number in range(300, 0, -1)], grows=1)
    assert len(cut_up(library)) >= SHARES


def test_a_threatq_that_does_not_know_the_condition_says_why_nothing_is_cut() -> None:
    class Refusing(Library):
        def call(self, *given: Any, json: Any = None, **more: Any) -> Any:
            if "+and" in json["filters"]:
                raise ServiceRefusal("The field created_at is not known.", status=400)
            return super().call(*given, json=json, **more)

    with pytest.raises(NotCut, match="does not count by created_at"):
        cut_up(Refusing([NOW_S - 9_000, *[NOW_S] * 10]))


def test_a_threatq_that_is_away_is_no_reason_to_read_in_one() -> None:
    class Away(Library):
        def call(self, *given: Any, json: Any = None, **more: Any) -> Any:
            if "+and" in json["filters"]:
                raise ServiceAway("threatq", "ThreatQ cannot be reached")
            return super().call(*given, json=json, **more)

    with pytest.raises(ServiceAway):
        cut_up(Away([NOW_S - 9_000, *[NOW_S] * 10]))


def test_a_first_page_without_times_is_cut_from_the_year_2000_on() -> None:
    library = Library([NOW_S - DAY_S * number for number in range(200, 0, -1)])
    page = read_page(library, COLLECTION)
    untimed = CollectionPage(
        [msgspec.structs.replace(row, created_at=None) for row in page.rows], page.total, None
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranges, "SMALLEST", 3)
        assert len(cut(library, COLLECTION, untimed)) >= SHARES
