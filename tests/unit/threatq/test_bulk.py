"""Bulk creation: matching answers back, and telling the bad items apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.errors import ServiceAway
from workers.threatq.bulk import MAX_FAULTS, match, send_all
from workers.threatq.client import Json
from workers.threatq.errors import ServerFault, ServiceRefusal

Bad = Callable[[Json], Exception | None]


class Fake:
    """Takes a bulk as a whole, or refuses it as a whole for one bad item."""

    def __init__(self, bad: Bad) -> None:
        self.bad = bad
        self.calls: list[list[Json]] = []

    def __call__(self, items: Sequence[Json]) -> list[Json]:
        self.calls.append(list(items))
        for item in items:
            if error := self.bad(item):
                raise error
        return [{"id": int(item["value"]), "value": item["value"]} for item in items]


def items_of(count: int) -> list[Json]:
    return [{"value": str(number)} for number in range(count)]


def refuses(*values: str) -> Bad:
    return lambda item: ServiceRefusal("no", status=400) if item["value"] in values else None


def test_a_clean_bulk_is_one_call() -> None:
    fake = Fake(refuses())
    fates = send_all(items_of(100), fake, "value")
    assert [fate["id"] for fate in fates if isinstance(fate, dict)] == list(range(100))
    assert len(fake.calls) == 1


def test_a_bulk_is_cut_at_the_size_that_threatq_takes() -> None:
    fake = Fake(refuses())
    send_all(items_of(1_001), fake, "value")
    assert [len(call) for call in fake.calls] == [500, 500, 1]


@given(st.integers(1, 40), st.sets(st.integers(0, 39)))
def test_exactly_the_bad_items_are_refused(count: int, bad: set[int]) -> None:
    fates = send_all(items_of(count), Fake(refuses(*map(str, bad))), "value", size=16)
    for number, fate in enumerate(fates):
        assert (
            isinstance(fate, ServiceRefusal)
            if number in bad
            else (isinstance(fate, dict) and fate["id"] == number)
        )


def test_an_item_on_which_threatq_fails_inside_is_refused_alone() -> None:
    fake = Fake(lambda item: ServerFault("threatq", "500") if item["value"] == "3" else None)
    fates = send_all(items_of(8), fake, "value")
    assert [number for number, fate in enumerate(fates) if isinstance(fate, ServiceRefusal)] == [3]


@pytest.mark.parametrize("count", [1, 2, 3, 100])
def test_a_threatq_that_fails_on_everything_is_away_and_not_asked_for_long(count: int) -> None:
    fake = Fake(lambda _item: ServerFault("threatq", "500"))
    with pytest.raises(ServiceAway):
        send_all(items_of(count), fake, "value")
    assert len(fake.calls) <= MAX_FAULTS


@pytest.mark.parametrize("count", [1, 3])
def test_items_that_are_known_to_be_the_cause_are_blamed_though_threatq_fails_on_all(count: int) -> None:
    fake = Fake(lambda _item: ServerFault("threatq", "500"))
    fates = send_all(items_of(count), fake, "value", blame_item=True)
    assert [isinstance(fate, ServiceRefusal) for fate in fates] == [True] * count


def test_faults_that_do_not_come_in_a_row_never_mean_that_threatq_is_away() -> None:
    # Given more items on which ThreatQ fails than it may fail in a row, with good ones between them
    bad = [str(number) for number in range(0, 4 * MAX_FAULTS, 2)]
    fake = Fake(lambda item: ServerFault("threatq", "500") if item["value"] in bad else None)
    # When they are sent one by one
    fates = send_all(items_of(4 * MAX_FAULTS), fake, "value", size=1)
    # Then these alone are refused
    assert [str(at) for at, fate in enumerate(fates) if isinstance(fate, ServiceRefusal)] == bad


def test_an_absence_in_the_middle_of_halving_is_told_at_once() -> None:
    errors = iter([ServiceRefusal("no", status=400), ServiceAway("threatq", "gone")])
    with pytest.raises(ServiceAway, match="gone"):
        send_all(items_of(4), Fake(lambda _item: next(errors)), "value")


def test_a_call_that_does_not_exist_is_not_blamed_on_the_items() -> None:
    fake = Fake(lambda _item: ServiceRefusal("no such call", status=404))
    with pytest.raises(ServiceRefusal, match="no such call"):
        send_all(items_of(4), fake, "value")
    assert len(fake.calls) == 1


def test_an_error_inside_an_item_of_the_answer_is_that_items_refusal() -> None:
    answer = [{"id": 1, "value": "0"}, {"value": "1", "error": "not an IP address"}]
    fates = send_all(items_of(2), lambda _items: answer, "value")
    assert isinstance(fates[0], dict)
    assert isinstance(fates[1], ServiceRefusal)
    assert "not an IP address" in str(fates[1])


def test_rows_are_matched_by_value_whatever_their_order() -> None:
    rows = [{"id": 2, "value": "b"}, {"id": 1, "value": "a"}]
    assert match([{"value": "a"}, {"value": "b"}], rows, "value") == [rows[1], rows[0]]


def test_a_value_in_another_spelling_is_matched_by_place_where_the_counts_agree() -> None:
    items = [{"value": "http://x.example/a"}, {"value": "b.example"}]
    rows = [{"id": 1, "value": "x.example/a"}, {"id": 2, "value": "b.example"}]
    assert match(items, rows, "value") == rows


def test_a_value_in_another_spelling_is_left_open_where_the_counts_differ() -> None:
    items = [{"value": "http://x.example/a"}, {"value": "b.example"}]
    rows = [{"id": 2, "value": "b.example"}]
    assert match(items, rows, "value") == [None, rows[0]]


def test_equal_values_of_different_types_are_told_apart() -> None:
    items = [{"value": "x", "type": {"name": "FQDN"}}, {"value": "x", "type": {"name": "Username"}}]
    rows = [{"id": 1, "value": "x", "type": "Username"}, {"id": 2, "value": "x", "type": {"name": "fqdn"}}]
    assert match(items, rows, "value") == [rows[1], rows[0]]


@given(st.permutations(range(6)), st.sets(st.integers(0, 5)))
def test_no_row_is_given_to_two_items_nor_to_the_wrong_one(order: list[int], gone: set[int]) -> None:
    rows: list[Json] = [{"id": n, "value": f"v{n}"} for n in order if n not in gone]
    found = match([{"value": f"v{n}"} for n in range(6)], rows, "value")
    for number, row in enumerate(found):
        assert row is None if number in gone else (row is not None and row["id"] == number)
