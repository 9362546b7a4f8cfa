"""The diff, the capacity and the manifest against plain Python sets."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.core.errors import TqError
from workers.listsync.plan.batches import Batches, BatchWriter
from workers.listsync.plan.diff import Cut, diff, fullness, trim
from workers.listsync.plan.manifest import (
    WIDTH,
    digest,
    digests_of,
    pack,
    unpack,
    with_added,
    with_removed,
)
from workers.listsync.plan.spill import PARTS, Spill, read_frames

#: For properties that write files: the disk of a busy machine is slow.
FILES = settings(max_examples=30)

ENTRIES = st.text(max_size=4)
SETS = st.sets(ENTRIES, max_size=40)
RANKS = st.integers(0, (1 << 64) - 1) | st.integers(0, 3)


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch() as path:
        yield Path(path)


def scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def spilled(folder: Path, entries: Iterable[str], *, caseless: bool = False) -> Spill:
    spill = Spill(folder, caseless=caseless)
    spill.extend(entries)
    return spill


def ranked(folder: Path, entries: Iterable[tuple[str, int]]) -> Spill:
    spill = Spill(folder)
    for value, rank in entries:
        spill.extend((value,), (rank,))
    return spill


def all_of(batches: Batches) -> set[str]:
    entries = [value for values in batches.read() for value in values]
    assert len(entries) == len(set(entries)) == batches.count
    return set(entries)


@FILES
@given(SETS, SETS, SETS)
def test_the_diff_says_what_sets_say(want: set[str], have: set[str], ours: set[str]) -> None:
    with scratch() as tmp:
        manifest = digests_of([list(ours)], caseless=False)

        changes = diff(spilled(Path(tmp, "w"), want), spilled(Path(tmp, "p"), have), manifest, Path(tmp, "d"))

        assert all_of(changes.adds) == want - have
        assert all_of(changes.gone) == (have - want) & ours
        assert all_of(changes.foreign) == have - want - ours
        assert changes.adopted.count == 0
        assert changes.wanted == len(want)


def test_lists_that_do_not_fit_into_memory_are_compared_from_disk(folder: Path) -> None:
    want, have = {f"{n}.example" for n in range(20_000)}, {f"{n}.example" for n in range(1_000, 21_000)}
    present = spilled(folder / "p", have)
    present.close()

    changes = diff(
        spilled(folder / "w", want),
        Spill(folder / "p", count=present.count),
        digests_of([list(have)], caseless=False),
        folder / "d",
    )

    assert all_of(changes.adds) == want - have
    assert all_of(changes.gone) == have - want


@FILES
@given(SETS, SETS)
def test_without_a_manifest_nothing_goes_and_what_is_wanted_becomes_ours(
    want: set[str], have: set[str]
) -> None:
    with scratch() as tmp:
        changes = diff(spilled(Path(tmp, "w"), want), spilled(Path(tmp, "p"), have), None, Path(tmp, "d"))

        assert changes.gone.count == 0
        assert all_of(changes.adopted) == have & want
        assert all_of(changes.foreign) == have - want


@FILES
@given(st.lists(ENTRIES, max_size=30), st.lists(ENTRIES, max_size=30))
def test_the_same_entries_in_any_order_and_number_give_the_same_files(
    want: list[str], have: list[str]
) -> None:
    with scratch() as tmp:
        first = diff(spilled(Path(tmp, "a"), want), spilled(Path(tmp, "b"), have), {}, Path(tmp, "c"))
        again = diff(
            spilled(Path(tmp, "x"), want[::-1] * 2), spilled(Path(tmp, "y"), set(have)), {}, Path(tmp, "z")
        )

        assert [first.adds.digest, first.foreign.digest] == [again.adds.digest, again.foreign.digest]
        assert first.adds.samples == again.adds.samples


def test_what_a_killed_run_left_behind_is_not_taken_for_wanted(folder: Path) -> None:
    spilled(folder / "w", ["left behind"]).close()

    changes = diff(spilled(folder / "w", ["new"]), spilled(folder / "p", []), {}, folder / "d")

    assert all_of(changes.adds) == {"new"}


def test_an_entry_in_capitals_is_the_entry_and_is_not_added_again(folder: Path) -> None:
    want = spilled(folder / "w", ["bad.example", "new.example"], caseless=True)
    have = spilled(folder / "p", ["BAD.example", "OLD.example"], caseless=True)

    changes = diff(want, have, {}, folder / "d")

    assert all_of(changes.adds) == {"new.example"}
    assert all_of(changes.foreign) == {"OLD.example"}


def test_our_entry_goes_though_another_user_spelled_it_otherwise_as_well(folder: Path) -> None:
    manifest = digests_of([["old.example"]], caseless=True)
    have = spilled(folder / "p", ["OLD.example", "old.example"], caseless=True)

    changes = diff(spilled(folder / "w", ["x"], caseless=True), have, manifest, folder / "d")

    assert all_of(changes.gone) == {"old.example"}
    assert all_of(changes.foreign) == {"OLD.example"}


def test_entries_of_others_go_only_where_the_setting_says_so(folder: Path) -> None:
    changes = diff(
        spilled(folder / "w", ["x"]), spilled(folder / "p", ["theirs"]), {}, folder / "d", delete_foreign=True
    )

    assert all_of(changes.gone) == all_of(changes.foreign) == {"theirs"}


@FILES
@given(st.dictionaries(ENTRIES, RANKS, min_size=1, max_size=40), st.integers(0, 45))
def test_beyond_the_capacity_the_highest_ranks_stay(wanted: dict[str, int], capacity: int) -> None:
    with scratch() as tmp:
        want = ranked(Path(tmp, "w"), [*wanted.items(), *wanted.items()])

        changes = diff(want, spilled(Path(tmp, "p"), []), {}, Path(tmp, "d"), capacity=capacity)

        kept = sorted((wanted[value] for value in all_of(changes.adds)), reverse=True)
        assert kept == sorted(wanted.values(), reverse=True)[:capacity]
        assert changes.left_out == len(wanted) - len(kept)


@given(st.lists(RANKS, max_size=60), st.integers(0, 70))
def test_a_cut_keeps_just_as_many_as_there_is_room_for(ranks: list[int], room: int) -> None:
    if room < len(ranks):
        cut = Cut(lambda: ranks, room)

        kept = [rank for rank in ranks if cut.keeps(rank)]

        assert sorted(kept, reverse=True) == sorted(ranks, reverse=True)[:room]


def test_an_entry_given_twice_counts_once_and_with_its_highest_rank(folder: Path) -> None:
    want = ranked(folder / "w", [("a", 9), ("a", 1), ("b", 5)])

    assert {k: v for part in range(PARTS) for k, v in want.ranked(part).items()} == {"a": 9, "b": 5}
    assert all_of(diff(want, spilled(folder / "p", []), {}, folder / "d", capacity=2).adds) == {"a", "b"}


def test_additions_are_trimmed_to_the_room_that_is_left(folder: Path) -> None:
    writer = BatchWriter(folder / "adds")
    for number in range(2_500):
        writer.add(str(number), number)

    kept = trim(writer.close(), 1_001, folder / "trimmed")

    assert [len(values) for values in kept.read()] == [1_000, 1]
    assert all_of(kept) == {str(number) for number in range(1_499, 2_500)}


def test_batches_hold_one_call_each(folder: Path) -> None:
    writer = BatchWriter(folder / "adds")
    for number in range(2_001):
        writer.add(str(number))
    batches = writer.close()

    assert [len(values) for values in batches.read()] == [1_000, 1_000, 1]
    assert batches.calls == 3
    assert list(batches.read())[2] == ["2000"]
    assert list(Batches().read()) == []


def test_a_file_that_was_cut_short_is_refused(folder: Path) -> None:
    writer = BatchWriter(folder / "adds")
    writer.add("a")
    path = Path(writer.close().path)
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(TqError, match="start it again"):
        list(read_frames(path))
    path.write_bytes(b"\x01\x00")
    with pytest.raises(TqError, match="start it again"):
        list(read_frames(path))


@given(SETS, SETS)
def test_the_manifest_remembers_what_was_added_and_forgets_what_was_removed(
    old: set[str], new: set[str]
) -> None:
    packed_old, packed_new = pack(set(map(digest, old))), pack(set(map(digest, new)))

    both = with_added(packed_old, packed_new)
    assert unpack(both) == {digest(value) for value in old | new}
    assert len(both) == WIDTH * len(old | new)
    assert unpack(with_removed(packed_old, packed_new)) == {digest(value) for value in old - new}


@pytest.mark.parametrize(
    ("after", "said"),
    [(79, ""), (80, "above 80 %"), (90, "above 90 %"), (94, "above 90 %"), (100, "above 95 %")],
)
def test_a_list_that_fills_up_is_warned_about(after: int, said: str) -> None:
    assert said in fullness(after, 100)
    assert bool(fullness(after, 100)) == bool(said)
