"""The guard, the plan, approvals, and how a plan is shown."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.core.errors import ConfigError
from workers.listsync.plan import render
from workers.listsync.plan.batches import Batches
from workers.listsync.plan.guard import Approval, DeleteGuard, Listing
from workers.listsync.plan.manifest import digests_of
from workers.listsync.plan.mapping import ListFamily
from workers.listsync.plan.naming import ListKey
from workers.listsync.plan.plan import (
    CollectionSource,
    ListPlan,
    ListTarget,
    Method,
    Rules,
    SyncPlan,
    approve,
    lists_to_plan,
    plan_list,
    sync_plan,
)
from workers.listsync.plan.spill import Spill
from workers.listsync.plan.types import TypeTable

#: For properties that write files: the disk of a busy machine is slow.
FILES = settings(max_examples=30)

SETS = st.sets(st.integers(0, 30).map(str), max_size=25)
STRICT = DeleteGuard(max_count=0, max_percent=0)
OPEN = DeleteGuard(max_count=10_000, max_percent=100)


def approval_of(plan: ListPlan) -> Approval:
    return Approval(plan.name, digests_of(plan.deletes.read(), caseless=False))


def listing(count: int) -> Listing:
    return Listing(count, count)


def spilled(folder: Path, entries: Iterable[str]) -> Spill:
    spill = Spill(folder)
    spill.extend(entries)
    return spill


def planned(
    folder: Path,
    want: Iterable[str],
    have: Iterable[str],
    *,
    ours: Iterable[str] | None = None,
    source: Listing | None = None,
    usable: int | None = None,
    target: Listing | None = None,
    rules: Rules | None = None,
) -> ListPlan:
    """Plan one list; what is left out is complete, ours, and not pending."""
    want, have = list(want), list(have)
    manifest = None if ours is None else digests_of([list(ours)], caseless=False)
    listed = source or listing(len(want))
    return plan_list(
        ListTarget(
            "T: MD5",
            ListKey("MD5", ""),
            spilled(folder / "p", have),
            target or listing(len(have)),
            bool(have),
        ),
        spilled(folder / "w", want),
        CollectionSource(listed, listed.read if usable is None else usable),
        manifest=manifest,
        rules=rules or Rules(method="full", guard=OPEN),
        folder=folder / "d",
    )


def entries(batches: Batches) -> set[str]:
    return {value for values in batches.read() for value in values}


@FILES
@given(SETS, SETS, SETS)
def test_a_full_sync_ends_with_the_collection_and_the_entries_of_others(
    want: set[str], have: set[str], ours: set[str]
) -> None:
    with tempfile.TemporaryDirectory() as tmp:
        plan = planned(Path(tmp), want | {"x"}, have, ours=ours)

        after = (have | entries(plan.adds)) - entries(plan.released)
        assert after == want | {"x"} | (have - ours)
        assert plan.after == len(after)


@FILES
@given(SETS, SETS, SETS)
def test_nothing_is_ever_deleted_that_is_not_in_the_manifest(
    want: set[str], have: set[str], ours: set[str]
) -> None:
    with tempfile.TemporaryDirectory() as tmp:
        assert entries(planned(Path(tmp), want, have, ours=ours).released) <= ours - want


DOUBTS = st.sampled_from(
    [
        # cut short, more than declared, an error on the way, away, empty
        Listing(10, 9),
        Listing(9, 10),
        Listing(10, 10, ("page 3: 500",)),
        Listing(None, 0),
        Listing(None, 10),
        listing(0),
    ]
)


@FILES
@given(SETS, SETS, DOUBTS)
def test_an_incomplete_empty_or_unreachable_collection_never_deletes_and_cannot_be_approved(
    want: set[str], have: set[str], source: Listing
) -> None:
    with tempfile.TemporaryDirectory() as tmp:
        plan = planned(Path(tmp), want, have, ours=have, source=source)

        assert plan.released.count == 0
        assert bool(plan.pending) == bool(have - want)
        assert approve(plan, approval_of(plan), Path(tmp, "a"), caseless=False).released.count == 0
        assert entries(plan.adds) == want - have


def test_a_list_that_was_not_read_completely_loses_nothing(tmp_path: Path) -> None:
    plan = planned(tmp_path, ["a"], ["b"], ours=["b"], target=Listing(5, 1))

    assert plan.released.count == 0
    assert plan.pending
    assert "LogRhythm" in plan.pending.reason


def test_a_collection_of_which_nothing_fits_a_list_counts_as_empty(tmp_path: Path) -> None:
    plan = planned(tmp_path, [], ["b"], ours=["b"], source=listing(3), usable=0)

    assert plan.pending
    assert not plan.pending.approvable
    assert "no indicator" in plan.pending.reason


@pytest.mark.parametrize(
    ("deletes", "now", "withheld"),
    [
        # many but a small share; a large share but few; both; just not both
        (1_500, 10_000, False),
        (1_000, 1_000, False),
        (2_001, 10_000, True),
        (2_000, 10_000, False),
        (1_001, 1_001, True),
    ],
)
def test_the_guard_withholds_what_is_above_both_limits(deletes: int, now: int, withheld: bool) -> None:
    verdict = DeleteGuard().judge(deletes=deletes, now=now, source=listing(1), usable=1, target=listing(now))

    assert bool(verdict) == withheld
    assert verdict is None or verdict.approvable


@pytest.mark.parametrize(("count", "percent"), [(-1, 20), (0, -1), (0, 101), (0, float("nan"))])
def test_a_guard_with_limits_that_mean_nothing_is_refused(count: int, percent: float) -> None:
    with pytest.raises(ConfigError, match="delete guard"):
        DeleteGuard(max_count=count, max_percent=percent)


def test_a_plan_with_pending_deletes_still_adds(tmp_path: Path) -> None:
    plan = planned(tmp_path, ["new"], ["old"], ours=["old"], rules=Rules(method="full", guard=STRICT))

    assert (plan.adds.count, plan.deletes.count, plan.released.count, plan.after) == (1, 1, 0, 2)
    assert plan.pending
    assert plan.pending.approvable


@FILES
@given(SETS, SETS, SETS, SETS)
def test_an_approval_lets_through_what_was_shown_and_never_more(
    want: set[str], have: set[str], later_want: set[str], later_have: set[str]
) -> None:
    with tempfile.TemporaryDirectory() as tmp:
        rules = Rules(method="full", guard=STRICT)
        everything = have | later_have
        shown = planned(Path(tmp, "1"), want, have, ours=everything, rules=rules, source=listing(9))
        later = planned(
            Path(tmp, "2"), later_want, later_have, ours=everything, rules=rules, source=listing(9)
        )

        approved = approve(later, approval_of(shown), Path(tmp, "a"), caseless=False)

        assert entries(approved.released) == entries(shown.deletes) & entries(later.deletes)
        assert bool(approved.pending) == (approved.released.count < later.deletes.count)


def test_an_approval_for_another_list_lets_nothing_through(tmp_path: Path) -> None:
    plan = planned(tmp_path, ["a"], ["b"], ours=["b"], rules=Rules(method="full", guard=STRICT))
    other = ListPlan(
        id="x", name="other", type="", bucket="", exists=True, now=1, wanted=0, deletes=plan.deletes
    )

    assert approve(plan, approval_of(other), tmp_path / "a", caseless=False) == plan


@FILES
@given(SETS, SETS)
def test_the_add_method_never_deletes_and_says_what_stays(want: set[str], have: set[str]) -> None:
    with tempfile.TemporaryDirectory() as tmp:
        plan = planned(Path(tmp), want, have, ours=have, rules=Rules(method="add", guard=OPEN))

        assert plan.released.count == plan.deletes.count == 0
        assert plan.stays == len(have - want)
        assert entries(plan.adds) == want - have


@FILES
@given(SETS, SETS)
def test_the_id_of_a_plan_is_the_digest_of_its_changes(want: set[str], have: set[str]) -> None:
    with tempfile.TemporaryDirectory() as tmp:
        first = planned(Path(tmp, "1"), want, have, ours=have)
        again = planned(Path(tmp, "2"), sorted(want), sorted(have), ours=have)
        other = planned(Path(tmp, "3"), want | {"one more"}, have, ours=have)

        assert first.id == again.id
        assert first.id != other.id


@FILES
@given(SETS, SETS, SETS, st.integers(1, 30), st.sampled_from(["add", "full"]), st.booleans())
def test_a_plan_never_fills_a_list_beyond_its_maximum(
    want: set[str], have: set[str], ours: set[str], capacity: int, method: Method, strict: bool
) -> None:
    with tempfile.TemporaryDirectory() as tmp:
        rules = Rules(method=method, guard=STRICT if strict else OPEN, capacity=capacity)

        plan = planned(Path(tmp), want, have, ours=ours, rules=rules)

        assert plan.after <= max(capacity, len(have))
        assert bool(plan.left_out) == any("left out" in warning for warning in plan.warnings)


def test_additions_that_need_the_room_of_deletes_are_told(tmp_path: Path) -> None:
    rules = Rules(method="full", guard=OPEN, capacity=2)
    plan = planned(tmp_path, ["a", "b"], ["b", "c"], ours=["b", "c"], rules=rules)

    assert (plan.adds.count, plan.released.count, plan.left_out) == (1, 1, 0)
    assert not plan.fits_before_deletes(2)
    assert plan.fits_before_deletes(3)


def test_lists_are_planned_that_have_an_entry_or_exist() -> None:
    names = lists_to_plan(
        ListFamily.of("c", "T: ", "scoreRange"), TypeTable(), {"T: MD5: High"}, {"T: URL: Low", "T: URL"}
    )

    assert names == {"T: MD5: High": ListKey("MD5", "High"), "T: URL: Low": ListKey("URL", "Low")}


def shown_plan(tmp_path: Path) -> SyncPlan:
    pending = planned(
        tmp_path, ["new"], ["old", "theirs"], ours=["old"], rules=Rules(method="full", guard=STRICT)
    )
    source = CollectionSource(Listing(10, 10), 1, {"CVE": 7}, {"MD5": 1})
    return sync_plan(ListFamily.of("IOCs", "T: "), source, "full", {pending.name: pending})


def test_a_plan_says_what_needs_attention(tmp_path: Path) -> None:
    plan = shown_plan(tmp_path)

    pending, foreign, *others = render.notes(plan)

    assert pending.endswith(f"tqctl sync approve {plan.lists[0].pending_id}")
    assert foreign.startswith("T: MD5: 1 entries of others stay, for example theirs")
    assert others == ["No list takes CVE: 7 left out", "Not a valid MD5: 1 left out"]
    assert render.samples(plan.lists[0]) == ["+ new", "- old", "? theirs"]


def test_what_a_plan_leaves_alone_is_said_as_well(tmp_path: Path) -> None:
    plan = planned(tmp_path, ["a"], ["b"], ours=["b"], rules=Rules(method="add", capacity=2))
    notes = render.notes(
        sync_plan(ListFamily.of("c", "T: "), CollectionSource(Listing(3, 1), 1), "add", {plan.name: plan})
    )

    assert notes == [
        "Nothing is deleted: ThreatQ's listing is not complete, it declared 3 entries and 1 were read",
        "T: MD5: 2 of at most 2 entries: above 95 % of the list maximum",
        "T: MD5: 1 entries left the collection and stay (method add)",
    ]


def test_a_plan_is_given_to_programs_without_paths(tmp_path: Path) -> None:
    read = json.loads(render.as_json(shown_plan(tmp_path)))

    (item,) = read["lists"]
    assert (item["now"], item["add"], item["delete"], item["after"], item["foreign"]) == (2, 1, 0, 3, 1)
    assert item["held"]["count"] == 1
    assert item["samples"]["delete"] == ["old"]
    assert read["unsupported"] == {"CVE": 7}
    assert str(tmp_path) not in json.dumps(read)
