"""What a delta run decides: whether it may be one, and what follows from the rows that changed."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from workers.listsync.plan.delta import (
    ChangedRow,
    Circumstances,
    ListChanges,
    Present,
    Proven,
    ProvenList,
    compare,
    most_rows,
    sort_out,
    why_full,
)
from workers.listsync.plan.known_rows import NO_LIST, KnownRow, check_of
from workers.listsync.plan.manifest import digest
from workers.listsync.plan.naming import ListKey

FQDN = ListKey("FQDN", "")
MD5 = ListKey("MD5", "")

DAY_MS = 86_400_000

PROVEN = Proven(
    rules="rules",
    query="query",
    asked_s=1_000_000.0,
    skew_s=5.0,
    total=3,
    lists=(ProvenList(name="T: FQDN", type="FQDN", bucket="", guid="G", entry_count=2),),
    full_ms=999_900_000,
)

NOW = Circumstances(
    rules="rules",
    query="query",
    moves_by_itself=False,
    server_s=1_000_065.0,
    now_ms=1_000_060_000,
    full_interval_s=86_400,
    present={"T: FQDN": Present("G", 2)},
)


def test_a_delta_may_go_on_from_what_is_as_the_last_run_left_it() -> None:
    assert why_full(PROVEN, NOW) == ""


@pytest.mark.parametrize(
    ("now", "why"),
    [
        ({"rules": "other"}, "the settings have changed"),
        ({"query": "other"}, "the saved search has changed"),
        ({"moves_by_itself": True}, "relative date"),
        ({"collections": 2}, "several data collections"),
        ({"is_approved": True}, "approved"),
        ({"is_full_asked": True}, "asked for"),
        ({"is_dry_run": True}, "dry run"),
        ({"full_interval_s": 0}, "sync_full_interval_s is 0"),
        ({"full_interval_s": 60}, "the last full run was at 1970-01-12 13:45:00 UTC"),
        ({"server_s": None}, "clock"),
        # it went back
        ({"server_s": 999_999.0, "now_ms": 999_994_000}, "clock"),
        # it goes on from another time than ours does, in both directions
        ({"server_s": 1_000_096.0}, "clock"),
        ({"server_s": 1_000_034.0}, "clock"),
        ({"present": {}}, "T: FQDN is not in LogRhythm any more"),
        ({"present": {"T: FQDN": Present("H", 2)}}, "another list"),
        ({"present": {"T: FQDN": Present("G", 3)}}, "has 3 entries and the last run left 2"),
        ({"present": {"T: FQDN": Present("G", 2, is_retired=True)}}, "is retired"),
        ({"present": {"T: FQDN": Present("G", 2), "T: MD5": Present("I", 0)}}, "T: MD5 is new"),
    ],
)
def test_whatever_does_not_fit_leads_to_a_full_run(now: dict[str, Any], why: str) -> None:
    assert why in why_full(PROVEN, structs.replace(NOW, **now))


def test_without_a_proof_or_with_a_doubt_everything_is_read() -> None:
    assert "no full run has proven anything" in why_full(None, NOW)
    assert why_full(structs.replace(PROVEN, doubt="a list failed"), NOW) == "a list failed"


def test_a_delta_pays_for_a_small_part_of_the_collection_alone() -> None:
    assert [most_rows(total) for total in (10, 100_000, 1_000_000, 5_000_000)] == [
        2_000,
        5_000,
        50_000,
        50_000,
    ]


def row(id: int, entry: str, goes_to: ListKey | None = FQDN, *, is_inside: bool = True) -> ChangedRow:
    return ChangedRow(id, "FQDN", entry, 7, goes_to if is_inside else None, is_inside)


def known(entry: str, number: int = 0) -> KnownRow:
    return KnownRow(number, check_of(entry))


def test_what_came_is_added_and_what_left_is_deleted_and_the_rest_stays() -> None:
    delta = compare(
        [row(1, "a"), row(2, "b", is_inside=False), row(9, "new")], {1: known("a"), 2: known("b")}, PROVEN
    )
    assert delta.changes == {FQDN: ListChanges({"new": 7}, set(), {"b"})}
    assert delta.total == 3
    assert delta.rows == {2: None, 9: known("new")}


def test_an_indicator_that_no_list_takes_counts_and_changes_nothing() -> None:
    delta = compare([row(1, "", None), row(9, "", None)], {1: KnownRow(NO_LIST)}, PROVEN)
    assert (delta.changes, delta.total) == ({}, 4)


def test_a_new_score_moves_an_entry_to_a_list_that_gets_the_next_number() -> None:
    high = ListKey("FQDN", "High")
    delta = compare([row(1, "a", high)], {1: known("a")}, PROVEN)
    assert delta.changes == {
        FQDN: ListChanges({}, set(), {"a"}),
        high: ListChanges({"a": 7}, set(), set()),
    }
    assert (delta.keys, delta.rows) == ((FQDN, high), {1: known("a", 1)})


@pytest.mark.parametrize(
    "changed",
    [row(1, "other"), row(1, "other", is_inside=False), structs.replace(row(1, "a", MD5), type="MD5")],
)
def test_an_indicator_with_another_value_or_type_is_a_doubt(changed: ChangedRow) -> None:
    assert (
        compare([changed], {1: known("a")}, PROVEN).doubt == "the indicator 1 has another value than it had"
    )


def sorted_out(changes: ListChanges, **known_of: set[str]) -> Any:
    kinds = {
        kind: {digest(entry) for entry in known_of.get(kind, ())}
        for kind in ("ours", "others", "shared", "gone", "put")
    }
    return sort_out(changes, **kinds, key_of=str.lower)


def test_only_entries_of_ours_are_deleted_and_the_others_are_remembered() -> None:
    whole = sorted_out(ListChanges({}, set(), {"ours", "theirs"}), ours={"ours"})
    assert whole.deletes == ("ours",)
    assert whole.others == {digest("theirs")}


def test_an_entry_that_others_put_there_is_not_written_and_does_not_become_ours() -> None:
    whole = sorted_out(ListChanges({"theirs": 1, "new": 2}, set(), set()), others={"theirs"})
    assert (whole.adds, whole.fresh) == ({"new": 2}, ("new",))


def test_an_entry_that_one_indicator_leaves_and_another_takes_stays() -> None:
    whole = sorted_out(ListChanges({"a": 1}, set(), {"a"}), ours={"a"})
    assert (whole.adds, whole.deletes) == ({}, ())


@pytest.mark.parametrize("again", ["ours already", "twice at once"])
def test_an_entry_that_came_again_is_not_deleted_with_the_first_that_leaves(again: str) -> None:
    repeated = {"a"} if again == "twice at once" else set()
    whole = sorted_out(ListChanges({"a": 1}, repeated, set()), ours=set() if repeated else {"a"})
    assert whole.shared == {digest("a")}
    assert "more than one" in sorted_out(ListChanges({}, set(), {"a"}), ours={"a"}, shared={"a"}).doubt


def test_what_a_whitelisting_has_taken_out_is_not_deleted_again() -> None:
    assert sorted_out(ListChanges({}, set(), {"a"}), ours={"a"}, gone={"a"}).deletes == ()


def test_what_was_put_in_at_once_is_not_written_again_and_must_have_come() -> None:
    whole = sorted_out(ListChanges({"a": 1}, set(), set()), ours={"a"}, put={"a"})
    assert (whole.adds, whole.shared, whole.doubt) == ({}, set(), "")
    assert "put in at once" in sorted_out(ListChanges({}, set(), set()), ours={"a"}, put={"a"}).doubt
