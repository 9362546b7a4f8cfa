"""Runs of the list sync where workers of several hosts, each with a disk of its own, take the jobs of one Redis."""

from __future__ import annotations

import time
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.support.sync_stage import COLLECTION, MAPPING, Stage
from tests.support.waiting import until
from workers.ledger import keys, sync_keys
from workers.ledger.connection import now_ms
from workers.ledger.records import Settlement
from workers.ledger.sync_owners import own, owner_of
from workers.listsync.run import replica, run_lease, time_slice
from workers.listsync.run.assist import assist
from workers.listsync.run.run_folder import RunFolder

pytestmark = pytest.mark.integration

#: Rows of the collection, and the pages that they take.
ROWS, PAGES = 6_000, 6


@pytest.fixture
def hosts(stage: Stage, tmp_path: Path) -> dict[str, str]:
    """The folders of two hosts; `move` lets the stage's worker be one of them."""
    stage.seed(ROWS)
    return {"a": str(tmp_path / "a"), "b": str(tmp_path / "b")}


def move(stage: Stage, folder: str) -> None:
    stage.set(sync_dir=folder)


def pages(stage: Stage) -> int:
    return stage.threatq.calls().get("POST /api/indicators/query", 0)


def begin(stage: Stage, looks: int = 5) -> str:
    """Start a run whose worker is stopped after a few pages; return its job."""
    job_id = stage.start()
    looked = count(1)
    stage.consume(stopping=lambda: next(looked) > looks)
    assert 0 < pages(stage) < PAGES
    return job_id


def finish(stage: Stage) -> None:
    while stage.consume():
        pass


def let_the_host_end(stage: Stage, job_id: str) -> None:
    """Let the time be over for which a run is left to its host."""
    owner = owner_of(stage.redis, job_id)
    assert owner
    own(stage.redis, job_id, owner.host, -1)


def test_another_host_leaves_a_run_alone_and_no_page_is_read_twice(
    stage: Stage, hosts: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a run that was begun on one host, and a wake-up that another one takes
    move(stage, hosts["a"])
    job_id = begin(stage)
    read, tries = pages(stage), stage.redis.hget(keys.progress(job_id), "attempts")
    move(stage, hosts["b"])

    # when that one claims the job, then it gives it back at once, for a moment
    assert stage.consume() == 1
    assert stage.consume() == 0
    assert pages(stage) == read
    assert stage.redis.hget(keys.progress(job_id), "attempts") == tries
    assert not (Path(hosts["b"]) / job_id).exists()

    # and the host that has it goes on where it stood
    monkeypatch.setattr(run_lease, "LEFT_ALONE_S", 0)
    stage.hurry()
    move(stage, hosts["a"])
    finish(stage)
    assert stage.outcome(job_id).note["adds"] == ROWS
    assert pages(stage) == PAGES


def test_a_host_is_woken_for_a_run_that_is_left_alone_at_another_time_each_time(
    stage: Stage, hosts: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a run of one host, and a machine that is too busy to give it back before it is to be woken for
    monkeypatch.setattr(run_lease, "LEFT_ALONE_S", 0.4)

    def settle_late(*settlements: Any, **answered: Any) -> list[Settlement]:
        time.sleep(0.05)
        return settle(*settlements, **answered)

    move(stage, hosts["a"])
    job_id = begin(stage)
    move(stage, hosts["b"])
    settle = stage.runtime.ledger.settle
    monkeypatch.setattr(stage.runtime.ledger, "settle", settle_late)

    # when another one leaves it alone again and again, and upkeep does nothing
    waits_ms = set()
    for _ in range(3):
        stage.hurry()
        stage.redis.delete(keys.wake_ups("sync"))
        assert stage.consume() == 1
        due_ms = stage.redis.zscore(keys.due("sync"), job_id)
        assert due_ms
        waits_ms.add(due_ms - now_ms(stage.redis))
        until(lambda: stage.runtime.ledger.wake_ups("sync") == 1)

    # then
    assert len(waits_ms) > 1


def test_a_run_of_a_host_that_has_ended_is_taken_over(stage: Stage, hosts: dict[str, str]) -> None:
    # given a run whose host has not been heard of for its lease
    move(stage, hosts["a"])
    job_id = begin(stage)
    let_the_host_end(stage, job_id)

    # when another host takes it over and is stopped
    move(stage, hosts["b"])
    looked = count(1)
    stage.consume(stopping=lambda: next(looked) > 4)
    owner = owner_of(stage.redis, job_id)
    assert owner
    assert owner.host.endswith(hosts["b"])

    # then the first host, back again, does not go on with what lies on its disk: others have written since
    let_the_host_end(stage, job_id)
    move(stage, hosts["a"])
    finish(stage)
    assert stage.outcome(job_id).note["adds"] == ROWS
    assert sum(map(len, stage.lists().values())) == ROWS


def test_what_was_gathered_for_long_is_not_read_again_by_the_host_that_takes_over(
    stage: Stage, hosts: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a run that has lasted longer than a slice, and whose host is gone with its disk
    monkeypatch.setattr(time_slice, "SLICE_S", 0)
    move(stage, hosts["a"])
    job_id = begin(stage, looks=4)
    let_the_host_end(stage, job_id)

    # when
    move(stage, hosts["b"])
    finish(stage)

    # then
    assert stage.outcome(job_id).note["adds"] == ROWS
    assert sum(map(len, stage.lists().values())) == ROWS
    assert pages(stage) == PAGES
    assert stage.redis.exists(sync_keys.gathered(job_id), sync_keys.state(job_id)) == 0


def test_a_worker_that_no_other_job_waits_for_writes_down_each_slice_and_goes_on_without_a_pause(
    stage: Stage, hosts: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given slices of no time
    monkeypatch.setattr(time_slice, "SLICE_S", 0)
    move(stage, hosts["a"])
    job_id = stage.start()
    written, in_redis = set(), set()

    def look() -> bool:
        state = RunFolder(Path(hosts["a"]), job_id).load()
        written.add(state.taken.read if state else 0)
        in_redis.add(stage.redis.exists(sync_keys.state(job_id)))
        return False

    # when a worker does the whole run
    assert stage.consume(stopping=look) == 1

    # then at each page but the last it was written down how far the pages before had come, for another host too
    assert stage.outcome(job_id).note["adds"] == ROWS
    assert written >= set(range(0, ROWS, ROWS // PAGES))
    assert in_redis == {0, 1}
    assert stage.threatq.calls()["GET /api/search/query"] == 2


@pytest.mark.parametrize("how", ["too large", "cut off", "garbage"])
def test_what_is_not_whole_in_redis_is_read_again(
    how: str, stage: Stage, hosts: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_slice, "SLICE_S", 0)
    if how == "too large":
        monkeypatch.setattr(replica, "MOST_BYTES", 100)
    move(stage, hosts["a"])
    job_id = begin(stage, looks=4)
    let_the_host_end(stage, job_id)
    if how == "too large":
        assert stage.redis.exists(sync_keys.gathered(job_id), sync_keys.state(job_id)) == 0
    elif how == "cut off":
        stage.redis.rpop(sync_keys.gathered(job_id))
    else:
        stage.redis.lset(sync_keys.gathered(job_id), 0, b"garbage")
    read = pages(stage)
    move(stage, hosts["b"])
    finish(stage)
    assert stage.outcome(job_id).note["adds"] == ROWS
    assert sum(map(len, stage.lists().values())) == ROWS
    assert pages(stage) == read + PAGES


def test_a_part_that_was_kept_twice_does_no_harm(
    stage: Stage, hosts: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a worker that was killed after it had kept a part, and before it noted that
    monkeypatch.setattr(time_slice, "SLICE_S", 0)
    move(stage, hosts["a"])
    job_id = begin(stage, looks=4)
    folder = RunFolder(Path(hosts["a"]), job_id)
    state = folder.load()
    assert state
    state.replicated = {}
    folder.save(state)
    looked = count(1)
    stage.consume(stopping=lambda: next(looked) > 2)
    let_the_host_end(stage, job_id)
    move(stage, hosts["b"])
    finish(stage)
    assert sum(map(len, stage.lists().values())) == ROWS
    assert pages(stage) == PAGES


def test_a_run_that_waits_for_a_service_stays_with_its_host(stage: Stage, hosts: dict[str, str]) -> None:
    # given a run that ThreatQ has let down in the middle
    move(stage, hosts["a"])
    job_id = begin(stage)
    stage.threatq.fault("error", path="/api/indicators/query", next=1, status=503)
    stage.consume()
    assert stage.outcome(job_id).state == "waiting"
    read = pages(stage)

    # when it is tried again, then another host does not read what this one has
    stage.hurry()
    move(stage, hosts["b"])
    stage.consume()
    assert pages(stage) == read
    stage.hurry()
    move(stage, hosts["a"])
    finish(stage)
    assert stage.outcome(job_id).note["adds"] == ROWS


def test_a_helper_leaves_what_is_on_its_disk_of_a_run_that_another_host_has(
    stage: Stage, hosts: dict[str, str]
) -> None:
    # given lists, and a run that was taken over from a host whose folder is still there
    move(stage, hosts["a"])
    stage.sync()
    job_id = stage.start()
    looked = count(1)
    stage.consume(stopping=lambda: next(looked) > 4)
    assert RunFolder(Path(hosts["a"]), job_id).is_under_way()
    own(stage.redis, job_id, "elsewhere:/sync", 60)
    read = stage.logrhythm.calls("GET /lists/{id}/")

    # then the lists are not read for nothing
    assert assist(stage.runtime, lambda: False) == 0
    assert stage.logrhythm.calls("GET /lists/{id}/") == read


def test_a_worker_stays_with_its_run_while_nothing_else_is_ready(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given slices that are over at once
    monkeypatch.setattr(time_slice, "SLICE_S", 0)
    stage.seed(ROWS)
    job_id = stage.start()
    assert stage.consume() == 1
    assert stage.outcome(job_id).note["adds"] == ROWS
    assert pages(stage) == PAGES


@pytest.mark.parametrize("reason", ["another job is ready", "an operator paused the queue"])
def test_a_worker_gives_way_with_its_run_when(
    reason: str, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given slices that are over at once, and a run that has begun
    monkeypatch.setattr(time_slice, "SLICE_S", 0)
    stage.share("Second", {"criteria": {}, "filters": {"type_name": "MD5"}})
    stage.set(sync_collections=MAPPING + 'Second:\n  baseName: "Second "\n')
    stage.seed(ROWS)
    first = stage.start()

    def wait_for_it() -> bool:
        if pages(stage) == 1:
            if reason == "another job is ready":
                stage.start("Second")
            else:
                stage.redis.sadd(keys.PAUSED, "sync")
        return pages(stage) > 1

    # when, then it is given back after the page that was being read
    stage.consume(stopping=wait_for_it)
    assert stage.admin.outcome(first) is None
    assert pages(stage) == 2

    # and both are done in the end
    stage.redis.srem(keys.PAUSED, "sync")
    finish(stage)
    assert stage.outcome(first).note["adds"] == ROWS
    assert stage.outcome(first).note["collection"] == COLLECTION
