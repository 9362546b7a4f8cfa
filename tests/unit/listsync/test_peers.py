"""What other list syncs get wrong, one test for each fault.

The faults are those of LogRhythm.Tools' Sync-LrListItems, of the OpenCTI LogRhythm connector and of the
OpenCTI Defender synchronizer.
"""

from __future__ import annotations

from pathlib import Path

from workers.listsync.plan.gather import Gathering
from workers.listsync.plan.guard import Listing
from workers.listsync.plan.manifest import digests_of
from workers.listsync.plan.naming import ListKey, family
from workers.listsync.plan.plan import CollectionSource, ListPlan, ListTarget, Rules, plan_list
from workers.listsync.plan.spill import Spill
from workers.listsync.plan.types import TypeTable
from workers.threatq.rows import Row
from workers.threatq.score_bands import ScoreBands

FULL = Rules(method="full")
TYPES = TypeTable()


def gathered(folder: Path, rows: list[Row]) -> Gathering:
    gather = Gathering("T: ", TYPES, ScoreBands(), folder / "rows")
    gather.take(rows, "tqtype")
    gather.close()
    return gather


def plan_of(
    folder: Path,
    rows: list[Row],
    have: list[str],
    *,
    source: Listing | None = None,
    ours: list[str] | None = None,
    rules: Rules = FULL,
) -> ListPlan:
    """Plan the FQDN list of a collection with these rows; unless said otherwise all of `have` is ours."""
    gather = gathered(folder, rows)
    present, empty = Spill(folder / "present", caseless=True), Spill(folder / "empty", caseless=True)
    present.extend(have)
    present.close()
    return plan_list(
        ListTarget("T: FQDN", ListKey("FQDN", ""), present, Listing(len(have), len(have)), exists=bool(have)),
        gather.wanted.get("T: FQDN", empty),
        CollectionSource(source or Listing(gather.read, gather.read), gather.usable),
        manifest=digests_of([have if ours is None else ours], caseless=True),
        rules=rules,
        folder=folder / "plan",
    )


def hosts(count: int, start: int = 0) -> list[str]:
    return [f"host{number}.example" for number in range(start, start + count)]


def rows_of(values: list[str]) -> list[Row]:
    return [Row(value, "FQDN", 5) for value in values]


def test_an_empty_source_does_not_remove_every_item(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, [], hosts(3))

    assert plan.released.count == 0
    assert plan.after == 3


def test_a_page_error_in_mid_listing_is_not_taken_for_the_end_of_the_collection(tmp_path: Path) -> None:
    broken = Listing(declared=10, read=2, errors=("page 2: ThreatQ answered 500",))

    plan = plan_of(tmp_path, rows_of(hosts(2)), hosts(10), source=broken)

    assert plan.released.count == 0
    assert plan.pending
    assert "page 2: ThreatQ answered 500" in plan.pending.reason


def test_a_collection_that_is_not_found_deletes_nothing(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, [], hosts(3), source=Listing(None, 0, ("no data collection of that name",)))

    assert plan.released.count == 0


def test_entries_that_another_user_added_are_left_and_reported(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, rows_of(["a.example"]), ["by-hand.example", "old.example"], ours=["old.example"])

    assert plan.released.samples == ("old.example",)
    assert plan.foreign.samples == ("by-hand.example",)


def test_a_million_indicators_are_not_two_million_calls(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, rows_of(hosts(2_500)), hosts(2_500, start=500))

    assert (plan.adds.count, plan.released.count) == (500, 500)
    assert plan.calls == 2
    assert plan_of(tmp_path / "again", rows_of(hosts(9)), hosts(9)).calls == 0


def test_additions_come_before_deletes_so_that_a_change_leaves_no_gap(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, rows_of(hosts(10, start=5)), hosts(10))

    assert plan.fits_before_deletes(FULL.capacity)


def test_what_exceeds_the_list_maximum_is_not_cut_in_silence(tmp_path: Path) -> None:
    # given more indicators than the list takes, with different scores and ages
    rows = [
        Row("low.example", "FQDN", 2, "2024-09-09 00:00:00"),
        Row("older.example", "FQDN", 8, "2024-01-01 00:00:00"),
        Row("newer.example", "FQDN", 8, "2024-05-05 00:00:00"),
        Row("top.example", "FQDN", 10, "2020-01-01 00:00:00"),
    ]

    plan = plan_of(tmp_path, rows, [], rules=Rules(method="full", capacity=2))

    assert {value for values in plan.adds.read() for value in values} == {"top.example", "newer.example"}
    assert plan.left_out == 2
    assert any("2 entries are left out" in warning for warning in plan.warnings)


def test_an_indicator_of_an_odd_type_or_value_does_not_stop_the_others(tmp_path: Path) -> None:
    rows = [
        Row("{'type': 'ipv4-addr'}"),
        Row("x", "x-opencti"),
        Row("a b", "FQDN"),
        Row("ok.example", "FQDN"),
    ]

    plan = plan_of(tmp_path, rows, [])

    assert plan.adds.samples == ("ok.example",)


def test_a_list_whose_name_only_begins_like_ours_is_not_ours() -> None:
    # LogRhythm's name filter is a contains-match: asked for the first, it answers with all of these
    found = ["ThreatQ: FQDN: High", "My ThreatQ: FQDN", "ThreatQ: FQDN Options", "ThreatQ: FQDN"]

    assert [name for name in found if name in family("ThreatQ: ", "tqtype", TYPES)] == ["ThreatQ: FQDN"]


def test_no_empty_context_is_sent_and_none_where_logrhythm_refuses_it() -> None:
    assert {rule.list_type for rule in TYPES.values() if rule.use_context} == {"GeneralValue"}
    assert all(rule.use_context for rule in TYPES.values() if rule.list_type == "GeneralValue")


def test_removed_indicators_do_not_linger(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, rows_of(["a.example"]), ["a.example", "expired.example"])

    assert plan.released.samples == ("expired.example",)


def test_a_value_in_capitals_is_neither_added_twice_nor_deleted(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, rows_of(["Bad.Example"]), ["bad.example"])

    assert (plan.adds.count, plan.deletes.count, plan.foreign.count) == (0, 0, 0)


def test_a_run_that_was_killed_in_its_first_fill_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    # given a first fill of which one call of three was made
    first = plan_of(tmp_path / "1", rows_of(hosts(2_500)), [])
    (written, *_) = first.adds.read()

    again = plan_of(tmp_path / "2", rows_of(hosts(2_500)), written, ours=[])

    assert again.adds.count == 1_500
    assert (again.deletes.count, again.foreign.count) == (0, 0)
