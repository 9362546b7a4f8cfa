"""Several data collections under one base name: their union against a model of plain sets, round by round."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.core.sync_report import CollectionPart
from workers.listsync.plan.batches import Batches
from workers.listsync.plan.decisions import Decisions
from workers.listsync.plan.gather import Gathering
from workers.listsync.plan.guard import DeleteGuard, Listing
from workers.listsync.plan.manifest import digests_of
from workers.listsync.plan.mapping import ListFamily, MappedCollection
from workers.listsync.plan.naming import ListKey, SplitBy
from workers.listsync.plan.plan import CollectionSource, ListPlan, ListTarget, Rules, lists_to_plan, plan_list
from workers.listsync.plan.spill import Spill
from workers.listsync.plan.types import TypeTable
from workers.listsync.run.run_folder import RangeState, RunState
from workers.settings.model import Settings
from workers.threatq.rows import Row
from workers.threatq.score_bands import ScoreBands

TYPES = TypeTable()
RULES = Rules(method="full", guard=DeleteGuard(max_count=1_000))


class Member(NamedTuple):
    """An indicator of the model: its number, its type and its score decide all that is known of it."""

    number: int
    type: str
    score: int

    @property
    def row(self) -> Row:
        host = f"host{self.number}.example"
        return Row(host if self.type == "FQDN" else f"https://{host}/Path", self.type, self.score, None)


MEMBERS = st.frozensets(
    st.builds(Member, st.integers(0, 12), st.sampled_from(["FQDN", "URL"]), st.sampled_from([0, 5, 10]))
)
SPLITS: st.SearchStrategy[SplitBy] = st.sampled_from(["score", "scoreRange"])
BUCKETS = {
    "score": {0: "Not Scored", 5: "5", 10: "10"},
    "scoreRange": {0: "Not Scored", 5: "Low", 10: "Very High"},
}
FOREIGN = "by-hand.example"


def wanted_by_the_model(collections: list[tuple[SplitBy, frozenset[Member]]]) -> dict[str, set[str]]:
    lists: defaultdict[str, set[str]] = defaultdict(set)
    for split, members in collections:
        for member in members:
            lists[f"T: {member.type}: {BUCKETS[split][member.score]}"].add(member.row.value)
    return lists


def changed(have: set[str], plan: ListPlan) -> set[str]:
    def values(batches: Batches) -> set[str]:
        return {value for some in batches.read() for value in some}

    return (have - values(plan.released)) | values(plan.adds)


def plans_of(
    folder: Path,
    collections: list[tuple[SplitBy, frozenset[Member]]],
    lists: dict[str, set[str]],
) -> dict[str, ListPlan]:
    """Plan every list of a family as a run does; all but one entry in them is ours."""
    family = ListFamily(
        "T: ", tuple(MappedCollection(f"c{n}", split) for n, (split, _) in enumerate(collections))
    )
    gather = Gathering("T: ", TYPES, ScoreBands(), folder / "rows")
    for split, members in collections:
        gather.take([member.row for member in members], split)
    gather.close()
    return {
        name: plan_of(folder / str(number), name, key, gather, lists.get(name, set()))
        for number, (name, key) in enumerate(lists_to_plan(family, TYPES, gather.wanted, lists).items())
    }


def plan_of(folder: Path, name: str, key: ListKey, gather: Gathering, have: set[str]) -> ListPlan:
    caseless = TYPES[key.type].caseless
    present = Spill(folder / "present", caseless=caseless)
    present.extend(have)
    present.close()
    return plan_list(
        ListTarget(name, key, present, Listing(len(have), len(have)), exists=bool(have)),
        gather.wanted.get(name) or Spill(folder / "nothing", caseless=caseless),
        CollectionSource(Listing(gather.read, gather.read), gather.usable),
        manifest=digests_of([sorted(have - {FOREIGN})], caseless=caseless),
        rules=RULES,
        folder=folder / "plan",
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(SPLITS, min_size=1, max_size=3), st.data())
def test_each_list_holds_the_union_and_the_entries_of_others_round_by_round(
    splits: list[SplitBy], data: st.DataObject
) -> None:
    lists: dict[str, set[str]] = {"T: FQDN: Not Scored": {FOREIGN}}
    for _ in range(3):
        collections = [(split, data.draw(MEMBERS)) for split in splits]
        with tempfile.TemporaryDirectory() as folder:
            plans = plans_of(Path(folder), collections, lists)
            lists |= {name: changed(lists.get(name, set()), plan) for name, plan in plans.items()}

        wanted = wanted_by_the_model(collections)
        if wanted:
            wanted["T: FQDN: Not Scored"] = wanted["T: FQDN: Not Scored"] | {FOREIGN}
            assert {name: values for name, values in lists.items() if values} == wanted


@pytest.mark.parametrize(
    ("listings", "is_complete", "declared"),
    [
        ({"A": Listing(3, 3)}, True, 3),
        ({"A": Listing(3, 3), "B": Listing(0, 0)}, True, 3),
        # what one lacks, the other does not make up for
        ({"A": Listing(3, 2), "B": Listing(2, 3)}, False, 5),
        ({"A": Listing(3, 3), "B": Listing(None, 2)}, False, None),
        ({}, False, None),
    ],
)
def test_a_union_is_complete_when_each_collection_is(
    listings: dict[str, Listing], is_complete: bool, declared: int | None
) -> None:
    whole = Listing.of_union(listings)
    assert (whole.complete, whole.declared) == (is_complete, declared)


def test_a_run_reads_one_collection_after_the_other_and_says_what_each_brought() -> None:
    # given a run of two collections, of which the first brought two rows for a list and one that no list takes
    state = RunState(
        collection=ListFamily("T: ", (MappedCollection("A"), MappedCollection("B"))),
        rules="",
        decisions=Decisions.of(Settings()),
        began_ms=0,
    )
    state.taken = type(state.taken)(read=3, usable=2, lists=(("FQDN", "", 2, 10),))
    state.ranges = [RangeState(position=None, declared=3, declared_last=3, read=3)]
    state.end_collection()
    assert (state.reading.name, state.is_gathered) == ("B", False)

    # when the second brings two more, of which one is a type that the first did not have
    state.taken = type(state.taken)(read=5, usable=4, lists=(("FQDN", "", 3, 20), ("URL", "", 1, 9)))
    state.ranges = [RangeState(position=None, declared=2, declared_last=2, read=2)]
    state.end_collection()

    # then each has its own part, and both together are complete
    assert state.is_gathered
    assert state.source.listing == Listing(5, 5)
    assert state.source.parts == (
        CollectionPart("A", 3, 3, 2, {"T: FQDN": 2}),
        CollectionPart("B", 2, 2, 2, {"T: FQDN": 1, "T: URL": 1}),
    )


def test_a_range_with_too_many_indicators_does_not_make_up_for_one_with_too_few() -> None:
    state = RunState(
        collection=ListFamily("T: ", (MappedCollection("A"),)),
        rules="",
        decisions=Decisions.of(Settings()),
        began_ms=0,
    )
    state.taken = type(state.taken)(read=8)
    state.ranges = [
        RangeState(since_s=5, position=None, declared=4, declared_last=4, read=5),
        RangeState(until_s=5, position=None, declared=4, declared_last=4, read=3),
    ]
    state.end_collection()
    assert not state.source.listing.complete
    assert "A: a range of created_at did not bring what it declared" in state.source.listing.doubt()
