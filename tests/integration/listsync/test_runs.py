"""Runs of the list sync: stopped, interrupted, side by side, and helped along by other workers."""

from __future__ import annotations

import threading
from itertools import count
from pathlib import Path

import pytest
from redis import Redis

from sandbox.logrhythm.config import LogRhythmConfig
from tests.support.sync_stage import COLLECTION, EVERYTHING, MAPPING, Stage
from workers.core.text import short
from workers.ledger import keys, sync_keys
from workers.ledger.locks import turn
from workers.ledger.sync_runs import history
from workers.listsync.run import list_folder
from workers.listsync.run.assist import assist
from workers.listsync.run.run_folder import RunFolder
from workers.runtime import Runtime
from workers.settings.model import Secret
from workers.settings.pages import EVENTS_BUILDER, LOGRHYTHM

pytestmark = pytest.mark.integration


def test_a_listing_that_ends_early_deletes_nothing_and_still_adds(stage: Stage) -> None:
    # given lists, and a collection that has lost and gained since
    stage.seed(12_000)
    stage.sync()
    stage.expire(every=10)
    stage.seed(500, start=12_000)
    pages = stage.threatq.calls()["POST /api/indicators/query"]

    # when ThreatQ answers a page in the middle as if there were no more
    def cut_the_next_page() -> bool:
        if pages == 0 or stage.threatq.calls()["POST /api/indicators/query"] > pages:
            stage.threatq.control("faults", method="DELETE")
            stage.threatq.fault("bare", path="/api/indicators/query", next=1)
        return False

    job_id = stage.start()
    while stage.consume(stopping=cut_the_next_page):
        pass

    # then nothing is deleted, and what was read is added
    note = stage.outcome(job_id).note
    assert (note["status"], note["deletes"]) == ("done", 0)
    assert note["read"] < 11_300
    assert any("not complete" in line for line in note["notes"])
    assert sum(map(len, stage.lists().values())) >= 12_000


def test_a_threatq_that_goes_away_in_the_middle_makes_the_run_wait_and_costs_nothing(stage: Stage) -> None:
    stage.seed(3_000)
    stage.threatq.fault("error", path="/api/indicators/query", next=1, status=503)
    job_id = stage.start()
    stage.consume()
    assert stage.outcome(job_id).state == "waiting"
    assert stage.writes() == 0
    stage.hurry()
    while stage.consume():
        pass
    assert stage.outcome(job_id).note["adds"] == 3_000


def test_an_expired_logrhythm_token_makes_the_run_wait_and_leaves_threatq_alone(stage: Stage) -> None:
    stage.seed(5)
    stage.logrhythm.fault(unauthorized=1)
    job_id = stage.start()
    stage.consume()
    assert "logrhythm_token" in stage.outcome(job_id).note["reason"]
    assert stage.admin.away("threatq") == {}
    stage.hurry()
    stage.consume()
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
    while stage.consume(stopping=let_it_vanish):
        pass
    assert stage.outcome(job_id).note["status"] == "done"
    assert seen != [stage.guid("ThreatQ: FQDN")]
    assert len(stage.lists()["ThreatQ: FQDN"]) == 5_000


def test_a_second_run_of_a_collection_does_not_start_and_says_so(stage: Stage) -> None:
    stage.seed(3_000)
    stops = iter([False, False, True])
    first = stage.start()
    stage.consume(stopping=lambda: next(stops, True))
    stage.redis.zadd(keys.due("sync"), {first: 2**52})
    second = stage.sync()
    assert (second["status"], second["by"]) == ("overlap", first)
    assert first in second["reason"]
    stage.hurry()
    while stage.consume():
        pass
    assert stage.outcome(first).note["adds"] == 3_000
    assert stage.sync()["status"] == "done"


def test_a_second_run_is_told_what_the_first_one_waits_for(stage: Stage) -> None:
    # given a run that waits until a setting is corrected
    stage.seed(10)
    token = stage.runtime.settings.logrhythm_token
    stage.set(logrhythm_token=Secret("garbage"))
    first = stage.start()
    stage.consume()
    assert stage.outcome(first).state == "waiting"

    # when another one is asked for, then it is not said to be at work
    stage.set(logrhythm_token=token)
    second = stage.sync()
    assert (second["status"], second["at_work"]) == ("overlap", False)
    assert "waits already" in second["reason"]
    assert "logrhythm_token" in second["reason"]


def test_a_run_that_is_stopped_goes_on_where_it_stood(stage: Stage) -> None:
    stage.seed(6_000)
    job_id = stage.start()
    steps = 0

    def after_a_few_steps() -> bool:
        nonlocal steps
        steps += 1
        return steps % 5 == 0

    for _ in range(40):
        stage.consume(stopping=after_a_few_steps)
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


@pytest.mark.parametrize("logrhythm_config", [LogRhythmConfig(deadlocks="platform", write_ms=5)])
def test_runs_side_by_side_never_write_to_one_logrhythm_at_once(stage: Stage) -> None:
    # given a LogRhythm in which any two writers deadlock, and two workers
    names = [COLLECTION, "Second"]
    stage.share("Second", EVERYTHING)
    stage.set(sync_collections=MAPPING + 'Second:\n  baseName: "Second "\n')
    stage.seed(12_000, types=["FQDN"])
    jobs = [stage.start(name) for name in names]
    workers = [threading.Thread(target=lambda: [stage.consume() for _ in range(9)]) for _ in names]
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


def test_the_pages_with_the_settings_are_read_once_by_a_sync_and_the_runs_that_it_makes(stage: Stage) -> None:
    stage.seed(5)
    settings = stage.set(settings_from="threatq")
    stage.threatq.fill_page(settings.connector_name, EVENTS_BUILDER, is_active=True)
    stage.threatq.fill_page(settings.logrhythm_connector_name, LOGRHYTHM, is_active=True)
    stage.threatq.control("calls", method="DELETE")

    handed_out = stage.sync("")

    (run,) = handed_out["runs"].values()
    assert stage.outcome(run).note["adds"] == 5
    assert stage.threatq.calls()["GET /api/connectors"] == 2


def test_a_turn_that_took_too_long_is_no_error(redis: Redis) -> None:
    name = sync_keys.turn(short("https://lr"))
    with turn(redis, "https://lr", 60):
        # The turn ends while the call goes on, and another writer takes it
        assert redis.delete(name) == 1
        redis.set(name, "another writer")

    assert redis.get(name) == b"another writer"


def let_it_begin(stage: Stage) -> str:
    """Start a run whose worker has looked up the lists and read a few pages; return its job."""
    job_id = stage.start(mode="full")
    looks = count(1)
    stage.consume(stopping=lambda: next(looks) > 3)
    return job_id


def finish(stage: Stage) -> None:
    while stage.consume():
        pass


def test_other_workers_read_and_plan_the_lists_of_a_run(stage: Stage) -> None:
    # given lists, and a worker that has begun a run
    stage.seed(12_000)
    stage.sync()
    stage.seed(500, start=12_000)
    read = stage.logrhythm.calls("GET /lists/{id}/")
    job_id = let_it_begin(stage)

    # when another one helps while the collection is read
    assert assist(stage.runtime, lambda: False) == 5

    # then it has read every list, and none is read again
    finish(stage)
    assert stage.outcome(job_id).note["adds"] == 500
    assert stage.logrhythm.calls("GET /lists/{id}/") - read == 5
    assert assist(stage.runtime, lambda: False) == 0


def test_a_run_calls_together_as_many_workers_as_it_has_lists_to_read(stage: Stage) -> None:
    stage.seed(12_000, types=["FQDN", "MD5", "SHA-1"])
    stage.sync()
    stage.redis.delete(keys.wake_ups("sync"))
    let_it_begin(stage)
    wake_ups = stage.redis.lrange(keys.wake_ups("sync"), 0, -1)
    assert sum(b"help-" in wake_up for wake_up in wake_ups) == 3


@pytest.mark.parametrize("hinderance", ["a worker that stops", "another ThreatQ", "a service that is away"])
def test_a_helper_that_cannot_help_leaves_the_run_as_it_was(hinderance: str, stage: Stage) -> None:
    stage.seed(12_000)
    stage.sync()
    job_id = let_it_begin(stage)
    before = stage.runtime.settings
    if hinderance == "another ThreatQ":
        stage.set(threatq_url="https://elsewhere.example")
    if hinderance == "a service that is away":
        stage.logrhythm.fault(unauthorized=1)
    assert assist(stage.runtime, lambda: hinderance == "a worker that stops") == 0
    stage.runtime = Runtime(before)
    finish(stage)
    assert stage.outcome(job_id).note["status"] == "done"


def test_a_list_that_a_stopped_process_holds_is_planned_anew(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a run, and a process that took one of its lists and was stopped
    stage.seed(12_000)
    stage.sync()
    job_id = let_it_begin(stage)
    folder = RunFolder(Path(stage.runtime.settings.sync_dir), job_id)
    state = folder.load()
    assert state
    assert state.lists
    with folder.of(state.lists[0]).taken() as is_taken:
        assert is_taken
        # when it shows no life for too long
        monkeypatch.setattr(list_folder, "SILENT_S", 0.5)
        finish(stage)

    # then the run is done without it
    assert stage.outcome(job_id).note["status"] == "done"
