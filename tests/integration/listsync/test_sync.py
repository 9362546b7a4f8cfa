"""The list sync against both simulators: what is put into the lists, and what is never taken out of them."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.logrhythm.config import LogRhythmConfig
from sandbox.threatq.control import value_of
from tests.support.sync_stage import COLLECTION, MAPPING, Stage
from workers.core.errors import InputError
from workers.ledger import sync_keys
from workers.ledger.audit import Audit
from workers.ledger.sync_runs import pending_count
from workers.listsync.run.approvals import Approvals

pytestmark = pytest.mark.integration

GUIDE_TYPES = ("IP Address", "FQDN", "MD5", "SHA-1", "SHA-256")


def named(result: dict[str, Any], name: str) -> dict[str, Any]:
    """Return what a run says of one list."""
    found: dict[str, Any] = next(item for item in result["lists"] if item["name"] == name)
    return found


@pytest.mark.parametrize("logrhythm_config", [LogRhythmConfig(mode="7.4"), LogRhythmConfig(mode="7.5.1")])
def test_the_first_run_makes_a_list_for_each_type_and_the_second_writes_nothing(
    stage: Stage, logrhythm_config: LogRhythmConfig
) -> None:
    # given either version, with the box in the settings set wrong half of the time
    stage.seed(2_600)
    result = stage.sync()
    assert (result["status"], result["adds"], result["read"]) == ("done", 2_600, 2_600)
    assert stage.lists() == {
        f"ThreatQ: {name}": {value_of(name, number) for number in range(at, 2_600, 5)}
        for at, name in enumerate(GUIDE_TYPES)
    }
    assert [item["entry_count"] for item in result["lists"]] == [520] * 5

    writes = stage.writes()
    again = stage.sync()
    assert (again["adds"], again["deletes"]) == (0, 0)
    assert stage.writes() == writes


def test_a_full_sync_deletes_what_left_and_an_adding_one_does_not(stage: Stage) -> None:
    stage.seed(100)
    stage.sync()
    stage.expire(every=10)
    stage.set(sync_method="add")
    kept = stage.sync()
    assert (kept["deletes"], sum(map(len, stage.lists().values()))) == (0, 100)
    stage.set(sync_method="full")
    assert stage.sync()["deletes"] == 10
    assert sum(map(len, stage.lists().values())) == 90


def test_lists_split_by_score_are_made_for_the_scores_that_occur(stage: Stage) -> None:
    stage.set(sync_collections=MAPPING + "  splitBy: scoreRange\n")
    stage.seed(22, types=["FQDN"])
    stage.sync()
    assert {name: len(values) for name, values in stage.lists().items()} == {
        "ThreatQ: FQDN: Very High": 2,
        "ThreatQ: FQDN: High": 2,
        "ThreatQ: FQDN: Medium": 4,
        "ThreatQ: FQDN: Low": 4,
        "ThreatQ: FQDN: Very Low": 8,
        "ThreatQ: FQDN: Not Scored": 2,
    }


def test_every_type_of_the_table_gets_a_list_and_other_types_are_counted(stage: Stage) -> None:
    types = ["IPv6 Address", "URL", "Email Address", "SHA-512", "CIDR Block"]
    stage.seed(50, types=types)
    stage.set(sync_types='"SHA-512": null')
    result = stage.sync()
    assert {item["name"] for item in result["lists"]} == {
        f"ThreatQ: {name}" for name in types if name != "SHA-512"
    }
    assert result["unsupported"] == {"SHA-512": 10}
    assert "No list takes SHA-512: 10 left out" in result["notes"]
    assert "11.0.0.0,11.0.0.255" not in stage.lists()["ThreatQ: URL"]


def test_an_emptied_collection_deletes_nothing(stage: Stage) -> None:
    stage.seed(50)
    stage.sync()
    stage.expire(every=1)
    result = stage.sync()
    assert result["deletes"] == 0
    assert "the collection is empty" in " ".join(result["notes"])
    assert sum(map(len, stage.lists().values())) == 50
    # and what only looks like a mass delete cannot be approved
    assert {pending.doubt for pending in Approvals(stage.redis).every()} == {
        "the collection is empty in ThreatQ; if that is meant, retire the lists"
    }
    assert pending_count(stage.redis) == 0


@pytest.mark.parametrize("how", ["renamed", "not shared any more"])
def test_a_collection_that_is_not_there_any_more_waits_for_an_operator_and_deletes_nothing(
    how: str, stage: Stage
) -> None:
    stage.seed(20)
    stage.sync()
    if how == "renamed":
        stage.set(sync_collections=MAPPING.replace(COLLECTION, "Other"))
    else:
        stage.threatq.control("collections/share", {"name": COLLECTION, "shared": False})
    job_id = stage.start("Other" if how == "renamed" else COLLECTION)
    stage.consume()
    entry = stage.outcome(job_id)
    assert entry.state == "waiting"
    assert "shared with" in entry.note["reason"]
    assert sum(map(len, stage.lists().values())) == 20


def test_a_mass_delete_waits_until_an_operator_approves_exactly_it(stage: Stage) -> None:
    # given a guard, and half of everything gone
    stage.set(sync_delete_max_count=5)
    stage.seed(200, types=["FQDN"])
    stage.sync()
    stage.expire(every=2)
    stage.seed(10, types=["FQDN"], start=200)

    # when it is synced, additions go through and deletes are pending
    result = stage.sync()
    assert (result["adds"], result["deletes"], named(result, "ThreatQ: FQDN")["held"]) == (10, 0, 100)
    (pending,) = Approvals(stage.redis).every()
    assert (pending.list, pending.count, pending.collection) == (
        "ThreatQ: FQDN",
        100,
        COLLECTION,
    )
    assert pending.id in " ".join(result["notes"])

    # and it keeps its id from run to run
    stage.sync()
    assert [approval.id for approval in Approvals(stage.redis).every()] == [pending.id]

    # when it is approved, and more is gone by then, just what was approved goes
    Approvals(stage.redis).approve(pending.id, Audit(stage.redis), now_ms=1)
    stage.expire(every=3)
    result = stage.sync()
    assert result["deletes"] == 100
    assert named(result, "ThreatQ: FQDN")["held"] > 0
    assert [approval.id == pending.id for approval in Approvals(stage.redis).every()] == [False]


def test_what_is_pending_cannot_be_approved_while_the_source_is_in_doubt(stage: Stage) -> None:
    # given deletes that an operator may approve
    stage.set(sync_delete_max_count=5)
    stage.seed(200, types=["FQDN"])
    stage.sync()
    stage.expire(every=2)
    stage.sync()
    (before,) = Approvals(stage.redis).every()
    assert (before.doubt, pending_count(stage.redis)) == ("", 1)

    # when the next run cannot read the collection completely, they stay, and cannot be approved
    stage.threatq.fault("bare", path="/api/indicators/query", next=1)
    stage.sync(mode="full")
    (doubted,) = Approvals(stage.redis).every()
    assert (doubted.id, pending_count(stage.redis)) == (before.id, 0)
    with pytest.raises(InputError, match="may not be approved now: ThreatQ's listing is not complete"):
        Approvals(stage.redis).approve(doubted.id, Audit(stage.redis), now_ms=1)

    # and when it is whole again they are as before, however long ago their digests were written
    stage.redis.delete(sync_keys.pending(before.id))
    stage.sync()
    assert Approvals(stage.redis).every() == [before]
    Approvals(stage.redis).approve(before.id, Audit(stage.redis), now_ms=1)
    assert stage.sync()["deletes"] == 100


def test_entries_of_others_are_told_and_stay_unless_the_setting_says_otherwise(stage: Stage) -> None:
    stage.seed(20, types=["FQDN"])
    stage.sync()
    stage.logrhythm.fill("ThreatQ: FQDN", "by-hand.example")
    result = stage.sync()
    assert (named(result, "ThreatQ: FQDN")["foreign"], result["deletes"]) == (1, 0)
    assert "by-hand.example" in stage.lists()["ThreatQ: FQDN"]
    stage.set(sync_foreign_entries="delete")
    assert stage.sync()["deletes"] == 1
    assert "by-hand.example" not in stage.lists()["ThreatQ: FQDN"]


def test_what_was_in_a_list_before_us_is_ours_if_the_collection_wants_it(stage: Stage) -> None:
    stage.seed(10, types=["FQDN"])
    stage.logrhythm.fill("ThreatQ: FQDN", value_of("FQDN", 9), "theirs.example", list_type="Host")
    assert stage.sync()["adds"] == 9
    stage.expire(every=10)
    assert stage.sync()["deletes"] == 1
    assert stage.lists()["ThreatQ: FQDN"] == {value_of("FQDN", n) for n in range(9)} | {"theirs.example"}


def test_a_list_takes_the_highest_scores_when_it_is_too_small(stage: Stage) -> None:
    stage.set(sync_list_maximum=4)
    stage.seed(22, types=["FQDN"])
    result = stage.sync()
    assert stage.lists()["ThreatQ: FQDN"] == {value_of("FQDN", number) for number in (10, 21, 9, 20)}
    assert named(result, "ThreatQ: FQDN")["left_out"] == 18
    assert any("18 entries are left out" in line for line in result["notes"])


def test_a_full_list_makes_room_before_it_takes_more(stage: Stage) -> None:
    stage.set(sync_list_maximum=2_000, sync_delete_max_percent=100)
    stage.seed(2_000, types=["FQDN"])
    stage.sync()
    stage.expire(every=1)
    stage.seed(2_000, types=["FQDN"], start=2_000)
    result = stage.sync()
    assert (result["adds"], result["deletes"]) == (2_000, 2_000)
    assert stage.lists()["ThreatQ: FQDN"] == {value_of("FQDN", number) for number in range(2_000, 4_000)}


def test_deadlocks_and_lost_answers_are_written_again_and_double_nothing(stage: Stage) -> None:
    stage.seed(3_000, types=["FQDN"])
    stage.logrhythm.fault(deadlocks=1, drop_after=1, too_many=1, items_only=True, retry_after=0)
    result = stage.sync()
    assert (result["status"], named(result, "ThreatQ: FQDN")["entry_count"]) == ("done", 3_000)


def test_a_list_that_was_retired_comes_back_when_there_is_something_to_add(stage: Stage) -> None:
    stage.seed(5, types=["FQDN"])
    stage.sync()
    stage.logrhythm.control(f"lists/{stage.guid('ThreatQ: FQDN')}/retire")
    same = stage.sync()
    assert any("retired" in line for line in same["notes"])
    stage.seed(1, types=["FQDN"], start=5)
    stage.sync()
    (item,) = stage.logrhythm.api("GET", "/lists/").json()
    assert (item["status"], item["entryCount"]) == ("Active", 6)


def test_a_list_too_long_to_be_compared_keeps_no_other_list(stage: Stage) -> None:
    stage.seed(10, types=["FQDN", "MD5"])
    stage.logrhythm.fill("ThreatQ: FQDN", *(f"{number}.example" for number in range(12)), list_type="Host")
    stage.set(sync_max_items=11)
    result = stage.sync()
    assert result["status"] == "errors"
    assert "sync_max_items" in named(result, "ThreatQ: FQDN")["error"]
    assert len(stage.lists()["ThreatQ: MD5"]) == 5


def test_what_is_whitelisted_or_expired_leaves_the_lists_although_the_collection_holds_it(
    stage: Stage,
) -> None:
    # given a collection of every status, synced while such indicators were exported
    stage.share("Every status", {"criteria": {}, "filters": {}})
    stage.set(sync_collections=MAPPING.replace(COLLECTION, "Every status"), sync_statuses_kept_out="")
    stage.seed(50, types=["FQDN"])
    stage.expire(every=10)
    assert stage.sync("Every status")["adds"] == 50

    # when the statuses are kept out
    stage.set(sync_statuses_kept_out="Whitelisted, Expired")
    result = stage.sync("Every status")

    # then they go, and the report says why
    assert (result["deletes"], result["kept_out"]) == (5, {"Expired": 5})
    assert "Status Expired: 5 kept out of the lists (sync_statuses_kept_out)" in result["notes"]
    assert len(stage.lists()["ThreatQ: FQDN"]) == 45
