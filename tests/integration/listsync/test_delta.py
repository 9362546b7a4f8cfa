"""Delta runs against both simulators: what they write, what they cost, and when everything is read again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from sandbox.threatq.control import value_of
from tests.support.sync_stage import COLLECTION, MAPPING, Stage
from workers.ledger import sync_keys
from workers.ledger.audit import Audit
from workers.ledger.sync_approvals import PendingDeletes
from workers.listsync.run.proven import KEPT_S, ProvenState

pytestmark = pytest.mark.integration

FQDN = "ThreatQ: FQDN"


@pytest.fixture
def filled(stage: Stage) -> Stage:
    """Return a stage whose lists are filled from indicators of the last days."""
    stage.seed(100, types=["FQDN"], days=3)
    assert stage.sync()["kind"] == "full"
    stage.threatq.control("calls", method="DELETE")
    return stage


def calls(stage: Stage) -> int:
    """Return how many calls ThreatQ has seen since the first run."""
    return sum(stage.threatq.calls().values())


def with_status(stage: Stage, status: str, numbers: Iterable[int]) -> None:
    """Set the status of indicators, as an analyst does."""
    for number in numbers:
        stage.threatq.call("PUT", f"/api/indicators/{number + 1}", {"status": status})


def test_a_run_after_which_nothing_changed_costs_four_calls_and_says_so(filled: Stage) -> None:
    filled.logrhythm.control("calls", method="DELETE")
    result = filled.sync()
    assert (result["kind"], result["read"], result["declared"]) == ("delta", 0, 100)
    assert result["why"].startswith("0 indicators have changed since ")
    assert result["notes"][0] == f"Delta run: {result['why']}"
    assert calls(filled) + sum(filled.logrhythm.control("calls", method="GET")["by_route"].values()) == 4


def test_what_came_and_what_left_is_written_without_reading_the_rest(filled: Stage) -> None:
    with_status(filled, "Expired", [7])
    filled.seed(3, types=["FQDN"], start=100)
    result = filled.sync()
    assert (result["kind"], result["adds"], result["deletes"], result["read"]) == ("delta", 3, 1, 4)
    assert filled.lists()[FQDN] == {value_of("FQDN", number) for number in range(103) if number != 7}

    # and when it comes back, it is there again
    with_status(filled, "Active", [7])
    assert filled.sync()["adds"] == 1
    assert value_of("FQDN", 7) in filled.lists()[FQDN]
    assert filled.sync(mode="full")["adds"] == 0


def test_an_indicator_with_a_new_score_changes_its_list(stage: Stage) -> None:
    stage.set(sync_collections=MAPPING + "  splitBy: score\n")
    stage.seed(22, types=["FQDN"], days=3)
    stage.sync()
    stage.threatq.call("PUT", "/api/indicator/10/scores", {"manual_score": 2})
    assert stage.sync()["kind"] == "delta"
    assert value_of("FQDN", 9) in stage.lists()["ThreatQ: FQDN: 2"]
    assert value_of("FQDN", 9) not in stage.lists()["ThreatQ: FQDN: 9"]


@pytest.mark.parametrize(("moves", "is_seen"), [("touched_at", True), ("neither", False)])
def test_a_score_that_moves_no_time_is_found_by_the_next_full_run(
    moves: str, is_seen: bool, stage: Stage
) -> None:
    stage.threatq.behave(score_moves=moves)
    stage.set(sync_collections=MAPPING + "  splitBy: score\n")
    stage.seed(22, types=["FQDN"], days=3)
    stage.sync()
    stage.threatq.call("PUT", "/api/indicator/10/scores", {"manual_score": 2})
    stage.sync()
    assert (value_of("FQDN", 9) in stage.lists()["ThreatQ: FQDN: 2"]) is is_seen
    stage.sync(mode="full")
    assert value_of("FQDN", 9) in stage.lists()["ThreatQ: FQDN: 2"]
    assert value_of("FQDN", 9) not in stage.lists()["ThreatQ: FQDN: 9"]


def test_a_second_change_that_the_index_shows_late_is_found_by_the_next_delta(stage: Stage) -> None:
    # given an indicator that a delta has taken in, and a change of it whose time is older than that delta
    stage.set(sync_collections=MAPPING + "  splitBy: score\n")
    stage.seed(22, types=["FQDN"], days=3)
    stage.sync()
    stage.seed(1, types=["FQDN"], start=22, days=100 / 86_400)
    assert stage.sync()["adds"] == 1
    stage.threatq.behave(score_moves="neither")
    stage.threatq.call("PUT", "/api/indicator/23/scores", {"manual_score": 7})

    # when: as many have changed as before, and all of them were seen
    assert stage.sync()["kind"] == "delta"
    assert value_of("FQDN", 22) in stage.lists()["ThreatQ: FQDN: 7"]


def test_a_new_type_gets_its_list_from_a_delta(filled: Stage) -> None:
    filled.seed(2, types=["MD5"], start=100)
    assert filled.sync()["kind"] == "delta"
    assert filled.lists()["ThreatQ: MD5"] == {value_of("MD5", number) for number in (100, 101)}
    assert filled.sync()["kind"] == "delta"


def renamed(stage: Stage) -> None:
    stage.threatq.call("PUT", "/api/indicators/5", {"value": "other.example"})


def deleted(stage: Stage) -> None:
    stage.threatq.call("DELETE", "/api/indicators/5")


def edited_by_hand(stage: Stage) -> None:
    stage.logrhythm.fill(FQDN, "by-hand.example")


def asked_for_another(stage: Stage) -> None:
    stage.set(sync_delete_max_count=7)


def retired(stage: Stage) -> None:
    stage.runtime.logrhythm(stage.runtime.settings).retire_list(
        stage.runtime.logrhythm(stage.runtime.settings).lists.named([FQDN], common=FQDN)[FQDN]
    )


def robbed_of_its_manifests(stage: Stage) -> None:
    stage.redis.delete(*stage.redis.keys("{tq}:sync:manifest:*"))


def silent_about_totals(stage: Stage) -> None:
    stage.threatq.fault("bare", path="/api/indicators/query", next=1)


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (renamed, "the indicator 5 has another value than it had"),
        (deleted, "ThreatQ counts 99 indicators, and the changes come to 100"),
        (edited_by_hand, "ThreatQ: FQDN has 101 entries and the last run left 100"),
        (asked_for_another, "the settings have changed"),
        (retired, "ThreatQ: FQDN is retired in LogRhythm"),
        (robbed_of_its_manifests, "what we put into ThreatQ: FQDN is not noted in Redis any more"),
        (silent_about_totals, "ThreatQ does not say how many indicators have changed"),
    ],
)
def test_a_doubt_leads_to_a_full_run_that_says_why(happens: Any, why: str, filled: Stage) -> None:
    happens(filled)
    result = filled.sync()
    assert (result["kind"], result["why"], result["status"]) == ("full", why, "done")
    wanted = {indicator["value"] for indicator in filled.threatq.get("/api/indicators?limit=1000")["data"]}
    assert filled.lists()[FQDN] - {"by-hand.example"} == wanted
    assert filled.sync()["kind"] == "delta"


def test_a_full_run_is_due_after_its_interval_and_when_it_is_asked_for(filled: Stage) -> None:
    assert filled.sync(mode="full")["why"] == "it was asked for"
    filled.set(sync_full_interval_s=0.001)
    assert filled.sync()["why"].startswith("the last full run was at 20")
    filled.set(sync_full_interval_s=0)
    assert filled.sync()["why"] == "sync_full_interval_s is 0"


def test_a_dry_run_looks_at_everything_and_the_next_run_is_a_delta_still(filled: Stage) -> None:
    assert filled.sync(dry_run=True)["why"] == "a dry run looks at everything"
    assert filled.sync()["kind"] == "delta"


def test_a_saved_search_with_a_relative_date_is_always_read_whole(stage: Stage) -> None:
    stage.share("Recent", {"criteria": {}, "filters": {"created_at": {"+gt": "NOW-30DAYS"}}})
    stage.set(sync_collections='---\nRecent:\n  baseName: "ThreatQ: "\n')
    stage.seed(10, types=["FQDN"], days=3)
    stage.sync("Recent")
    assert stage.sync("Recent")["why"].startswith("the saved search holds a relative date")


def test_a_saved_search_that_changed_is_read_whole(filled: Stage) -> None:
    # a second search of the same name would be another one; here the first has gone
    filled.threatq.control("collections/share", {"name": COLLECTION, "shared": False})
    filled.share(
        query={"criteria": {}, "filters": {"+and": [{"status_name": "Active"}, {"score": {"+gte": 5}}]}}
    )
    assert filled.sync()["why"] == "the saved search has changed"


def test_the_guard_judges_the_deltas_of_an_hour_together(filled: Stage) -> None:
    filled.set(sync_delete_max_count=5, sync_delete_max_percent=5)
    filled.sync()
    with_status(filled, "Expired", range(4))
    assert filled.sync()["deletes"] == 4
    with_status(filled, "Expired", range(4, 8))
    result = filled.sync()
    assert (result["kind"], result["deletes"]) == ("delta", 0)
    assert "8 deletes are 8 % of the list" in " ".join(result["notes"])
    assert [pending.count for pending in PendingDeletes(filled.redis).every()] == [4]


def test_what_a_delta_withholds_is_what_a_full_run_finds_and_an_approval_of_it_counts(filled: Stage) -> None:
    # given a delta whose deletes wait
    filled.set(sync_delete_max_count=5, sync_delete_max_percent=5)
    filled.sync()
    with_status(filled, "Expired", range(20))
    assert (filled.sync()["kind"], len(filled.lists()[FQDN])) == ("delta", 100)
    (pending,) = PendingDeletes(filled.redis).every()

    # when a full run finds them too, they are the same, and further deltas add and leave them alone
    filled.sync(mode="full")
    assert [item.id for item in PendingDeletes(filled.redis).every()] == [pending.id]
    filled.seed(1, types=["FQDN"], start=100)
    with_status(filled, "Expired", range(20, 21))
    result = filled.sync()
    assert (result["kind"], result["adds"], result["deletes"]) == ("delta", 1, 0)
    assert [item.id for item in PendingDeletes(filled.redis).every()] == [pending.id]

    # then the approved ones go with the next run
    PendingDeletes(filled.redis).approve(pending.id, Audit(filled.redis), now_ms=1)
    result = filled.sync()
    assert (result["why"], result["deletes"]) == ("deletes were approved", 20)


def test_entries_of_others_stay_also_when_an_indicator_of_the_same_value_comes_and_goes(
    filled: Stage,
) -> None:
    # given an entry that an analyst put into the list by hand, and a full run that saw it
    filled.logrhythm.fill(FQDN, value_of("FQDN", 100))
    filled.sync()
    filled.seed(1, types=["FQDN"], start=100)
    assert (filled.sync()["kind"], value_of("FQDN", 100) in filled.lists()[FQDN]) == ("delta", True)

    # when the indicator leaves the collection again, the entry is the analyst's still
    with_status(filled, "Expired", [100])
    assert filled.sync()["deletes"] == 0
    assert value_of("FQDN", 100) in filled.lists()[FQDN]
    assert filled.sync(mode="full")["deletes"] == 0


def test_an_entry_that_two_indicators_have_stays_while_one_of_them_does(filled: Stage) -> None:
    twin = {"value": value_of("FQDN", 3).upper(), "type": {"name": "FQDN"}, "status": {"name": "Active"}}
    filled.threatq.call("POST", "/api/indicators/consume/new", [twin])
    filled.sync()
    with_status(filled, "Expired", [3])
    result = filled.sync()
    assert (result["deletes"], result["why"]) == (
        0,
        f"{FQDN}: more than one indicator has the entry {value_of('FQDN', 3)}",
    )
    assert value_of("FQDN", 3) in filled.lists()[FQDN]


def test_what_is_proven_is_lost_with_redis_and_then_everything_is_read(filled: Stage) -> None:
    filled.redis.flushdb()
    result = filled.sync()
    assert result["why"] == "no full run has proven anything of this collection yet"
    assert ProvenState(filled.redis, COLLECTION).load()


def test_what_was_proven_of_a_collection_that_is_synced_no_more_is_forgotten(stage: Stage) -> None:
    stage.seed(20, types=["FQDN"])
    for mode in ("full", ""):
        stage.sync(mode=mode)
        kept = [stage.redis.ttl(key) for key in (sync_keys.proven(COLLECTION), sync_keys.rows(COLLECTION))]
        assert all(0 < seconds <= KEPT_S for seconds in kept), (mode, kept)
