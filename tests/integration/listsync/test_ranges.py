"""A large collection is read in ranges side by side, with the result that reading it page after page has."""

from __future__ import annotations

from itertools import count
from threading import Event
from typing import Any

import pytest

from sandbox.threatq.control import value_of
from tests.support.sync_stage import COLLECTION, Stage
from workers.core.errors import ServiceAway
from workers.listsync.plan.gather import Gathering
from workers.listsync.run import collect
from workers.threatq import ranges
from workers.threatq.collections import CollectionPage

pytestmark = pytest.mark.integration

TYPES = ("IP Address", "FQDN", "MD5", "SHA-1", "SHA-256")

QUERY = "/api/indicators/query"

#: Indicators that a batch adds, and in how many days before now they were created: 0 is one second.
ROWS = 6_000

READ_IN_ONE = 10**9


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a collection of a few pages be a large one."""
    monkeypatch.setattr(collect, "WORTH_CUTTING", ROWS)
    monkeypatch.setattr(ranges, "SMALLEST", ROWS // 6)


def seed(stage: Stage, *days: float) -> None:
    """Fill ThreatQ with as many batches as there are numbers of days over which each was made."""
    size = ROWS // len(days)
    for number, each in enumerate(days):
        stage.seed(size, start=number * size, days=each)


def pages(stage: Stage) -> int:
    return stage.threatq.calls().get(f"POST {QUERY}", 0)


def without_times(result: dict[str, Any]) -> dict[str, Any]:
    """Return what two runs that did the same have in common."""
    lists = [{**item, "guid": ""} for item in result["lists"]]
    return {
        **{key: result[key] for key in ("read", "declared", "status", "adds", "deletes")},
        "l": lists,
    }


def is_read_in_one(result: dict[str, Any]) -> bool:
    return any("page after page" in note for note in result["notes"])


@pytest.mark.parametrize(
    "days",
    [(0,), (1,), (0.01, 4_000), (0, 30, 9_000), (3_000, 3_000, 0)],
    ids=["one second", "one day", "old and new", "by import", "by feed"],
)
def test_the_lists_are_the_same_however_the_collection_is_read(
    days: tuple[float, ...], stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(stage, *days)
    side_by_side = stage.sync(dry_run=True)
    monkeypatch.setattr(collect, "WORTH_CUTTING", READ_IN_ONE)
    assert without_times(side_by_side) == without_times(stage.sync(dry_run=True))
    monkeypatch.setattr(collect, "WORTH_CUTTING", ROWS)
    result = stage.sync()
    assert (result["read"], result["declared"], is_read_in_one(result)) == (ROWS, ROWS, False)
    assert stage.lists() == {
        f"ThreatQ: {name}": {value_of(name, number) for number in range(first, ROWS, 5)}
        for first, name in enumerate(TYPES)
    }


def test_what_has_left_is_deleted_and_a_delta_goes_on_from_the_ranges(stage: Stage) -> None:
    seed(stage, 90)
    stage.sync()
    stage.expire(every=10)
    again = stage.sync(mode="full")
    assert (again["deletes"], again["read"]) == (ROWS // 10, ROWS - ROWS // 10)
    assert (stage.sync()["kind"], sum(map(len, stage.lists().values()))) == ("delta", ROWS - ROWS // 10)


def stopped_half_way(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """Let a worker stop in the middle of a listing in ranges; return the pages of a whole one, and the run's job."""
    monkeypatch.setattr(collect, "SIDE_BY_SIDE", 2)
    seed(stage, 90)
    stage.sync(dry_run=True)
    undisturbed = pages(stage)
    job_id, looked = stage.start(), count(1)
    stage.consume(stopping=lambda: next(looked) > 4)
    return undisturbed, job_id


def test_a_worker_that_stops_goes_on_in_each_range(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed, job_id = stopped_half_way(stage, monkeypatch)
    assert undisturbed < pages(stage) < 2 * undisturbed
    while stage.consume():
        pass
    assert stage.outcome(job_id).note["adds"] == ROWS
    assert pages(stage) == 2 * undisturbed


def finish_what_waits(stage: Stage, job_id: str) -> None:
    """Let the time pass for which a run waits, and work until it has ended."""
    assert stage.outcome(job_id).state == "waiting"
    stage.hurry()
    while stage.consume():
        pass


def test_a_page_that_fails_costs_no_other_page(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed, job_id = stopped_half_way(stage, monkeypatch)
    stage.threatq.fault("error", path=QUERY, next=1, status=503)
    stage.consume()
    finish_what_waits(stage, job_id)
    assert stage.outcome(job_id).note["adds"] == ROWS
    assert pages(stage) == 2 * undisturbed + 1


def test_a_page_that_cannot_be_sorted_is_read_again_before_a_later_one_is_taken(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(stage, 0)
    take, taken = Gathering.take, count(1)

    def not_the_second(*arguments: Any) -> None:
        if next(taken) == 2:
            raise ServiceAway("threatq", "the second page cannot be sorted")
        take(*arguments)

    monkeypatch.setattr(Gathering, "take", not_the_second)
    job_id = stage.start()
    stage.consume()
    finish_what_waits(stage, job_id)
    assert stage.outcome(job_id).note["read"] == ROWS


def test_a_page_that_takes_long_holds_up_no_other_range(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "SIDE_BY_SIDE", 2)
    read, begun, ended, enough = collect.read_page, count(), count(1), Event()

    def the_first_slowly(*arguments: Any, **options: Any) -> CollectionPage:
        is_first, page = next(begun) == 0, read(*arguments, **options)
        if is_first:
            assert enough.wait(10), "the other ranges wait for the first one"
        elif next(ended) == 4:
            enough.set()
        return page

    monkeypatch.setattr(collect, "read_page", the_first_slowly)
    seed(stage, 90)
    assert stage.sync()["adds"] == ROWS


def test_a_threatq_that_cannot_compare_times_so_is_read_page_after_page_and_the_run_says_why(
    stage: Stage,
) -> None:
    seed(stage, 90)
    stage.threatq.behave(inclusive_times=False)
    result = stage.sync()
    assert (result["adds"], sum(map(len, stage.lists().values()))) == (ROWS, ROWS)
    (note,) = [note for note in result["notes"] if "page after page" in note]
    assert f"{COLLECTION} is read page after page: ThreatQ does not count by created_at" in note
