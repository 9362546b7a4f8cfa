"""What needs a person, by the state of the system."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from workers.core.jobs import QUEUES
from workers.core.sync_report import ListResult, RunResult
from workers.ledger.breaker_records import Away, Pause
from workers.ledger.groups import GroupState
from workers.ledger.overview import Overview, Queue
from workers.ledger.sync_runs import WaitingRun
from workers.notices.findings import Expiry, Limits, Situation, findings
from workers.notices.notice import Finding

NOW_MS = 1_900_000_000_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000

LIMITS = Limits(away_ms=600_000, sync_ms=HOUR_MS, expiry_ms=14 * DAY_MS, memory_percent=70)


def overview(*, paused: str = "", **fields: Any) -> Overview:
    queues = [Queue(name, 5, 0, 1.0, 0, name == paused) for name in QUEUES]
    quiet: dict[str, Any] = {"away": [], "dead": 0, "done": 0, "done_last_minute": 0, "done_last_hour": 0}
    return Overview(at_ms=NOW_MS, queues=queues, upkeep_s=1.0, **(quiet | fields))


WELL = Situation(overview())


def of(situation: Situation) -> list[tuple[str, int]]:
    return [(finding.key, finding.count) for finding in findings(situation, LIMITS)]


def run(collection: str, age_ms: int, *, status: str = "done", errors: int = 0) -> RunResult:
    lists = tuple(
        ListResult(name=f"L{number}", now=1, adds=0, deletes=0, after=1, error="refused")
        for number in range(errors)
    )
    return RunResult(
        job="j",
        collection=collection,
        status=status,
        method="full",
        plan="",
        began_ms=NOW_MS - age_ms,
        seconds=1.0,
        declared=1,
        read=1,
        lists=lists,
    )


def test_a_system_that_is_well_has_no_findings() -> None:
    assert of(structs.replace(WELL, runs=[run("A", HOUR_MS)], memory=(50, 100))) == []


@pytest.mark.parametrize(
    ("situation", "expected"),
    [
        (Situation(overview(dead=12)), [("dead_letters", 12)]),
        (Situation(overview(paused="events")), [("paused_queue:events", 5)]),
        (structs.replace(WELL, pending=3), [("pending_approvals", 3)]),
        # 60 % where producers refuse from 70 % on.
        (structs.replace(WELL, memory=(60, 100)), [("redis_full", 60)]),
        # No maxmemory, so no share of it.
        (structs.replace(WELL, memory=(60, 0)), []),
    ],
)
def test_each_cause_is_one_finding_with_its_count(
    situation: Situation, expected: list[tuple[str, int]]
) -> None:
    assert of(situation) == expected


def test_a_limited_source_is_named_with_the_count_of_its_firings_and_their_event() -> None:
    fields = {b"source": b"Zeek", b"count": b"3210", b"event": b"7", b"until": b"1", b"limited": b"1"}
    group = GroupState.read("g", fields)
    assert group
    (finding,) = findings(Situation(overview(limited=[group])), LIMITS)
    assert (finding.key, finding.count) == ("source_limited:Zeek", 3210)
    assert finding.title == "Source Zeek was limited, 3,210 firings"
    assert "None is lost: event 7 counts them" in finding.text


@pytest.mark.parametrize(("age_ms", "count"), [(599_000, 0), (600_000, 1)])
def test_a_service_is_told_of_once_it_has_been_away_for_the_set_minutes(age_ms: int, count: int) -> None:
    away = Away("threatq", "no route", NOW_MS - age_ms, NOW_MS, 7)

    assert len(of(Situation(overview(away=[away])))) == count


def test_a_sync_is_overdue_when_none_has_gone_well_for_two_intervals_or_its_run_is_stuck() -> None:
    old = structs.replace(
        WELL,
        runs=[
            *(run("A", age * HOUR_MS, status="errors") for age in (1, 2)),
            run("A", 3 * HOUR_MS),
            run("B", HOUR_MS),
        ],
    )
    stuck = structs.replace(WELL, waiting=[WaitingRun("j", "C", NOW_MS - 2 * HOUR_MS, "503")])

    assert of(old) == [("sync_overdue:A", 1)]
    assert of(stuck) == [("sync_overdue:C", 1)]


def test_a_collection_that_beat_syncs_once_a_day_is_overdue_after_two_days() -> None:
    daily = [run("A", age * DAY_MS) for age in (2, 3, 4)]

    assert of(structs.replace(WELL, runs=[run("A", DAY_MS), *daily])) == []
    assert of(structs.replace(WELL, runs=[run("A", 2 * DAY_MS + HOUR_MS), *daily[1:]])) == [
        ("sync_overdue:A", 1)
    ]


def test_a_collection_that_is_no_longer_synced_is_not_overdue() -> None:
    assert of(structs.replace(WELL, runs=[run("A", HOUR_MS), run("removed", 90 * DAY_MS, errors=2)])) == []


def test_a_sync_failed_if_lists_of_its_last_run_did() -> None:
    failing = [run("A", HOUR_MS, status="errors", errors=2), run("A", 2 * HOUR_MS)]
    mended = [run("A", HOUR_MS), run("A", 2 * HOUR_MS, status="errors", errors=2)]

    assert of(structs.replace(WELL, runs=failing)) == [("sync_failed:A", 2)]
    assert of(structs.replace(WELL, runs=mended)) == []


def test_a_certificate_and_a_token_are_told_of_before_they_end_and_after() -> None:
    ends = [
        Expiry("soon", NOW_MS + 3 * DAY_MS),
        Expiry("ended", NOW_MS - DAY_MS),
        Expiry("far", NOW_MS + 15 * DAY_MS),
    ]

    titles = [finding.title for finding in findings(structs.replace(WELL, expiries=ends), LIMITS)]

    assert titles == ["soon ends in 3 d", "ended has ended"]


def test_the_reason_of_a_paused_queue_says_who_paused_it_and_nothing_of_a_payload() -> None:
    pause = Pause("events", NOW_MS - HOUR_MS, "the payload of a customer", "alice@soc")

    def paused(suspended: frozenset[str], *pauses: Pause) -> Finding:
        (finding,) = findings(Situation(overview(paused="events", pauses=list(pauses)), suspended), LIMITS)
        return finding

    assert paused(frozenset({"events"}), pause).text.startswith("It paused itself at 2030-03-17 16:46:40 UTC")
    assert paused(frozenset(), pause).text.startswith("alice@soc paused it at 2030-03-17 16:46:40 UTC")
    assert paused(frozenset()).text.startswith("An operator paused it. 5 jobs")
    assert "customer" not in paused(frozenset(), pause).text
