"""The list sync against both simulators: what is put into the lists, and what is never taken out of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from sandbox.logrhythm.config import LogRhythmConfig
from sandbox.threatq.seed import value_of
from tests.sandbox_logrhythm import SandboxLogRhythm, running_logrhythm
from tests.sandbox_threatq import SandboxThreatQ
from tests.sync_stage import COLLECTION, EVERYTHING, MAPPING, Stage
from workers.errors import ConfigError
from workers.ledger import keys
from workers.ledger.ledger import Ledger
from workers.listsync.digests import short
from workers.sync.holds import Holds
from workers.sync.journal import history, now_ms
from workers.sync.locks import turn
from workers.sync.schedule import LAST, start_if_due

pytestmark = pytest.mark.integration

GUIDE_TYPES = ("IP Address", "FQDN", "MD5", "SHA-1", "SHA-256")


@pytest.fixture
def config() -> LogRhythmConfig:
    return LogRhythmConfig()


@pytest.fixture
def logrhythm(config: LogRhythmConfig) -> Iterator[SandboxLogRhythm]:
    with running_logrhythm(config) as sandbox:
        yield sandbox


@pytest.fixture
def stage(
    redis: Redis, redis_url: str, threatq_sandbox: SandboxThreatQ, logrhythm: SandboxLogRhythm, tmp_path: Path
) -> Stage:
    made = Stage(redis, redis_url, threatq_sandbox, logrhythm, tmp_path / "sync")
    made.share()
    return made


def named(result: dict[str, Any], name: str) -> dict[str, Any]:
    """Return what a run says of one list."""
    found: dict[str, Any] = next(one for one in result["lists"] if one["name"] == name)
    return found


@pytest.mark.parametrize("config", [LogRhythmConfig(mode="7.4"), LogRhythmConfig(mode="7.5.1")])
def test_the_first_run_makes_a_list_for_each_type_and_the_second_writes_nothing(
    stage: Stage, config: LogRhythmConfig
) -> None:
    # given either version, with the box in the settings set wrong half of the time
    stage.seed(2_600)
    result = stage.sync()
    assert (result["status"], result["adds"], result["read"]) == ("done", 2_600, 2_600)
    assert stage.lists() == {
        f"ThreatQ: {name}": {value_of(name, number) for number in range(at, 2_600, 5)}
        for at, name in enumerate(GUIDE_TYPES)
    }
    assert [one["entry_count"] for one in result["lists"]] == [520] * 5

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
    assert {one["name"] for one in result["lists"]} == {
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
    assert Holds(stage.redis).every() == []


def test_a_listing_that_ends_early_deletes_nothing_and_still_adds(stage: Stage) -> None:
    # given lists, and a collection that has lost and gained since
    stage.seed(4_000)
    stage.sync()
    stage.expire(every=10)
    stage.seed(500, start=4_000)
    pages = stage.threatq.calls()["POST /api/indicators/query"]

    # when ThreatQ answers a page in the middle as if there were no more
    def cut_the_next_page() -> bool:
        if pages == 0 or stage.threatq.calls()["POST /api/indicators/query"] > pages:
            stage.threatq.control("faults", method="DELETE")
            stage.threatq.fault("bare", path="/api/indicators/query", next=1)
        return False

    job_id = stage.start()
    while stage.drain(stopping=cut_the_next_page):
        pass

    # then nothing is deleted, and what was read is added
    note = stage.outcome(job_id).note
    assert (note["status"], note["deletes"]) == ("done", 0)
    assert note["read"] < 4_100
    assert any("not complete" in line for line in note["notes"])
    assert sum(map(len, stage.lists().values())) >= 4_000


def test_a_threatq_that_goes_away_in_the_middle_makes_the_run_wait_and_costs_nothing(stage: Stage) -> None:
    stage.seed(3_000)
    stage.threatq.fault("error", path="/api/indicators/query", next=1, status=503)
    job_id = stage.start()
    stage.drain()
    assert stage.outcome(job_id).state == "waiting"
    assert stage.writes() == 0
    stage.hurry()
    while stage.drain():
        pass
    assert stage.outcome(job_id).note["adds"] == 3_000


@pytest.mark.parametrize("how", ["renamed", "not shared any more"])
def test_a_collection_that_is_not_there_any_more_waits_for_somebody_and_deletes_nothing(
    how: str, stage: Stage
) -> None:
    stage.seed(20)
    stage.sync()
    if how == "renamed":
        stage.set(sync_collections=MAPPING.replace(COLLECTION, "Other"))
    else:
        stage.threatq.control("collections/share", {"name": COLLECTION, "shared": False})
    job_id = stage.start("Other" if how == "renamed" else COLLECTION)
    stage.drain()
    entry = stage.outcome(job_id)
    assert entry.state == "waiting"
    assert "shared with" in entry.note["reason"]
    assert sum(map(len, stage.lists().values())) == 20


def test_a_mass_delete_is_held_until_somebody_approves_just_that(stage: Stage) -> None:
    # given a guard, and half of everything gone
    stage.set(sync_delete_max_count=5)
    stage.seed(200, types=["FQDN"])
    stage.sync()
    stage.expire(every=2)
    stage.seed(10, types=["FQDN"], start=200)

    # when it is synced, additions go through and deletes are held
    result = stage.sync()
    assert (result["adds"], result["deletes"], named(result, "ThreatQ: FQDN")["held"]) == (10, 0, 100)
    (hold,) = Holds(stage.redis).every()
    assert (hold.list, hold.count, hold.collection) == ("ThreatQ: FQDN", 100, COLLECTION)
    assert hold.id in " ".join(result["notes"])

    # and it keeps its id from run to run
    stage.sync()
    assert [one.id for one in Holds(stage.redis).every()] == [hold.id]

    # when it is approved, and more is gone by then, just what was approved goes
    Holds(stage.redis).approve(hold.id, by="test", now_ms=1)
    stage.expire(every=3)
    result = stage.sync()
    assert result["deletes"] == 100
    assert named(result, "ThreatQ: FQDN")["held"] > 0
    assert [one.id == hold.id for one in Holds(stage.redis).every()] == [False]


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


def test_what_a_list_held_before_us_is_ours_if_the_collection_wants_it(stage: Stage) -> None:
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


def test_an_expired_logrhythm_token_makes_the_run_wait_and_leaves_threatq_alone(stage: Stage) -> None:
    stage.seed(5)
    stage.logrhythm.fault(unauthorized=1)
    job_id = stage.start()
    stage.drain()
    assert "logrhythm_token" in stage.outcome(job_id).note["reason"]
    assert stage.desk.away("threatq") == {}
    stage.hurry()
    stage.drain()
    assert stage.outcome(job_id).note["status"] == "done"


def test_a_list_that_vanishes_in_the_middle_is_made_anew(stage: Stage) -> None:
    stage.seed(5_000, types=["FQDN"])
    seen = []

    def let_it_vanish() -> bool:
        if not seen and stage.logrhythm.calls("POST /lists/{id}/items/") >= 2:
            seen.append(stage.guid("ThreatQ: FQDN"))
            stage.logrhythm.control(f"lists/{seen[0]}", method="DELETE")
        return False

    job_id = stage.start()
    while stage.drain(stopping=let_it_vanish):
        pass
    assert stage.outcome(job_id).note["status"] == "done"
    assert seen != [stage.guid("ThreatQ: FQDN")]
    assert len(stage.lists()["ThreatQ: FQDN"]) == 5_000


def test_a_list_that_somebody_retired_comes_back_when_there_is_something_to_add(stage: Stage) -> None:
    stage.seed(5, types=["FQDN"])
    stage.sync()
    stage.logrhythm.control(f"lists/{stage.guid('ThreatQ: FQDN')}/retire")
    same = stage.sync()
    assert any("retired" in line for line in same["notes"])
    stage.seed(1, types=["FQDN"], start=5)
    stage.sync()
    (one,) = stage.logrhythm.api("GET", "/lists/").json()
    assert (one["status"], one["entryCount"]) == ("Active", 6)


def test_a_list_too_long_to_be_compared_keeps_no_other_list(stage: Stage) -> None:
    stage.seed(10, types=["FQDN", "MD5"])
    stage.logrhythm.fill("ThreatQ: FQDN", *(f"{number}.example" for number in range(12)), list_type="Host")
    stage.set(sync_max_items=11)
    result = stage.sync()
    assert result["status"] == "errors"
    assert "sync_max_items" in named(result, "ThreatQ: FQDN")["error"]
    assert len(stage.lists()["ThreatQ: MD5"]) == 5


def test_a_second_run_of_a_collection_does_not_start_and_says_so(stage: Stage) -> None:
    stage.seed(3_000)
    stops = iter([False, False, True])
    first = stage.start()
    stage.drain(stopping=lambda: next(stops, True))
    stage.redis.zadd(keys.due("sync"), {first: 2**52})
    second = stage.sync()
    assert (second["status"], second["by"]) == ("overlap", first)
    assert first in second["reason"]
    stage.hurry()
    while stage.drain():
        pass
    assert stage.outcome(first).note["adds"] == 3_000
    assert stage.sync()["status"] == "done"


def test_a_run_that_is_stopped_goes_on_where_it_stood(stage: Stage) -> None:
    stage.seed(6_000)
    job_id = stage.start()
    pieces = 0

    def after_a_few_pieces() -> bool:
        nonlocal pieces
        pieces += 1
        return pieces % 5 == 0

    for _ in range(40):
        stage.drain(stopping=after_a_few_pieces)
    assert stage.outcome(job_id).note["adds"] == 6_000
    assert stage.logrhythm.calls("POST /lists/{id}/items/") == 10
    assert sum(map(len, stage.lists().values())) == 6_000


def test_a_job_for_all_becomes_a_job_for_each_collection(stage: Stage) -> None:
    stage.share("Hashes", {"criteria": {}, "filters": {"type_name": "MD5"}})
    stage.set(sync_collections=MAPPING + 'Hashes:\n  baseName: "Hashes "\n')
    stage.seed(50)
    handed = stage.sync("")
    assert set(handed["runs"]) == {COLLECTION, "Hashes"}
    assert {stage.outcome(job_id).note["status"] for job_id in handed["runs"].values()} == {"done"}
    assert len(stage.lists()["Hashes MD5"]) == 10


@pytest.mark.parametrize("config", [LogRhythmConfig(deadlocks="platform", write_ms=5)])
def test_runs_side_by_side_never_write_to_one_logrhythm_at_once(stage: Stage) -> None:
    # given a LogRhythm in which any two writers deadlock, and two workers
    names = [COLLECTION, "Second"]
    stage.share("Second", EVERYTHING)
    stage.set(sync_collections=MAPPING + 'Second:\n  baseName: "Second "\n')
    stage.seed(12_000, types=["FQDN"])
    jobs = [stage.start(name) for name in names]
    workers = [threading.Thread(target=lambda: [stage.drain() for _ in range(9)]) for _ in names]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    # then each call was made once
    assert {stage.outcome(job_id).note["status"] for job_id in jobs} == {"done"}
    assert stage.logrhythm.calls("POST /lists/{id}/items/") == 24


def test_a_dry_run_writes_nothing_and_disturbs_no_run(stage: Stage) -> None:
    stage.seed(20)
    result = stage.sync(dry_run=True)
    assert (result["status"], result["adds"]) == ("planned", 20)
    assert (stage.writes(), history(stage.redis)) == (0, [])


def test_a_run_is_remembered_with_what_it_did(stage: Stage) -> None:
    stage.seed(20, types=["FQDN"])
    stage.sync()
    stage.expire(every=10)
    stage.sync()
    last, first = history(stage.redis)
    assert (first.adds, first.deletes, last.adds, last.deletes) == (20, 0, 0, 2)
    assert last.collection == COLLECTION


def test_a_connector_that_is_disabled_in_threatq_syncs_nothing(stage: Stage) -> None:
    stage.seed(5)
    stage.set(settings_from="threatq")
    assert stage.sync()["status"] == "skipped"
    assert stage.writes() == 0


def test_two_upkeeps_at_once_start_one_sync_and_a_restart_misses_none(stage: Stage, ledger: Ledger) -> None:
    settings = stage.here.settings
    first = start_if_due(ledger, settings)
    assert first
    assert start_if_due(ledger, settings) is None
    # an hour later, two upkeeps that both still see the old time
    an_hour_ago = now_ms(stage.redis) - 3_600_000
    started = []
    for _ in range(2):
        stage.redis.set(LAST, an_hour_ago)
        started.append(start_if_due(ledger, settings))
    assert started[0]
    assert started[0] == started[1] != first


def test_no_scheduled_sync_is_added_to_one_that_still_waits(stage: Stage, ledger: Ledger) -> None:
    first = start_if_due(ledger, stage.here.settings)
    stage.redis.set(LAST, f"{now_ms(stage.redis) - 7_200_000} {first}")
    assert start_if_due(ledger, stage.here.settings) is None
    while stage.drain():
        pass
    assert start_if_due(ledger, stage.here.settings)


def test_a_turn_that_took_too_long_is_no_error(redis: Redis) -> None:
    with turn(redis, "https://lr", 60):
        redis.delete(keys.sync_turn(short("https://lr")))


def test_an_interval_below_an_hour_is_refused(stage: Stage, ledger: Ledger) -> None:
    with pytest.raises(ConfigError, match="once an hour"):
        start_if_due(ledger, stage.set(sync_interval_s=60))
    assert start_if_due(ledger, stage.set(sync_interval_s=60, sync_interval_floor_s=60))
