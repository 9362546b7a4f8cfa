"""The report of a list sync: one value with the keys that programs read, and the columns that tables show."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import Struct

from tools.reference import meanings
from workers.core.sync_report import (
    CHANGES,
    AbandonedList,
    CollectionPart,
    ListResult,
    RunResult,
    as_json,
    columns,
    last_of_each,
    read,
)

PLAIN = ListResult(name="A", now=1, adds=2, deletes=1, after=2)
FOREIGN = ListResult(
    name="B", now=0, adds=3, deletes=0, after=3, foreign=4, pending=2, entry_count=5, error="why"
)


def run(*lists: ListResult, collection: str = "C", status: str = "done", began_ms: int = 5) -> RunResult:
    return RunResult(
        job="1", collection=collection, status=status, method="add", plan="2", began_ms=began_ms, seconds=1.5,
        declared=2, read=2, lists=lists,
    )  # fmt: skip


def test_the_json_has_the_keys_that_programs_read() -> None:
    report = as_json(run(PLAIN))
    assert set(report) >= {
        *(
            "job",
            "collection",
            "status",
            "method",
            "plan",
            "began_ms",
            "seconds",
            "declared",
            "read",
            "unsupported",
        ),
        *("kept_out", "parts", "lists", "notes", "settings", "abandoned", "adds", "deletes"),
    }
    assert list(report["lists"][0]) == [
        *("name", "now", "adds", "deletes", "after", "held", "foreign", "left_out", "entry_count", "error"),
    ]
    assert [change.key for change in CHANGES] == ["adds", "deletes", "held", "left_out"]


def test_a_report_is_read_as_it_was_written_also_without_the_sums_and_with_keys_of_later() -> None:
    report = run(PLAIN, FOREIGN)
    written = as_json(report)
    for kept in (written, msgspec.to_builtins(report), {**written, "new": 1}):
        assert read(msgspec.json.encode(kept)) == report


@pytest.mark.parametrize("part", [RunResult, ListResult, CollectionPart, AbandonedList])
def test_every_field_says_what_it_means(part: type[Struct]) -> None:
    assert all(meanings(part).values())


def test_a_table_shows_rare_counts_where_a_list_has_some_and_a_plan_shows_all() -> None:
    usual = ["Before", "Added", "Deleted", "After", "Pending"]
    assert [count.heading for count in columns([PLAIN])] == usual
    assert [count.heading for count in columns([PLAIN, FOREIGN])] == [*usual, "Foreign"]
    planned = [count.planned for count in columns([PLAIN], planned=True)]
    assert planned == ["Now", "Add", "Delete", "After", "Pending", "Foreign", "Left out"]
    assert [count.of(FOREIGN) for count in columns([FOREIGN])] == [0, 3, 0, 3, 2, 4]


def test_the_sums_are_those_of_the_lists() -> None:
    report = run(PLAIN, FOREIGN)
    assert (report.adds, report.deletes, report.pending, report.failed) == (5, 1, 2, ["B"])
    assert ([item.entries for item in report.lists], report.ended_ms) == ([2, 5], 1505)


def test_the_last_run_of_each_collection_is_the_newest_that_wrote() -> None:
    newest_first = [
        run(collection="C", status="planned", began_ms=4),
        run(collection="C", began_ms=3),
        run(collection="D", began_ms=2),
        run(collection="C", began_ms=1),
    ]
    assert {name: last.began_ms for name, last in last_of_each(newest_first).items()} == {"C": 3, "D": 2}
