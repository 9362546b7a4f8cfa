"""Alerts of LogRhythm's lists: raised by runs of the sync, ended by their page."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from msgspec import structs

from tests.integration.runbooks.conftest import Begin
from tests.support.sync_stage import COLLECTION, MAPPING, Stage, write_config
from tests.support.waiting import until
from workers.ledger import keys, sync_keys
from workers.ledger.sync_approvals import PendingDeletes
from workers.ledger.sync_runs import history, keep_result, waiting_runs
from workers.listsync.run.faulty import MOST_FAULTS

pytestmark = pytest.mark.integration

DAY_MS = 86_400_000


@contextmanager
def at_work(stage: Stage) -> Iterator[None]:
    """A worker takes the runs that are started meanwhile."""
    over = Event()

    def consume() -> None:
        while not over.wait(0.1):
            stage.consume()

    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(consume)
        try:
            yield
        finally:
            over.set()
            working.result()


def age_last_run(stage: Stage, *, days: int, full_days: int) -> None:
    """Let the last run be older than it is."""
    (last, *_) = history(stage.redis)
    ages = {"began_ms": last.began_ms - days * DAY_MS, "full_ms": last.full_ms - full_days * DAY_MS}
    stage.redis.delete(sync_keys.HISTORY)
    keep_result(stage.redis, structs.replace(last, **ages))


def test_pending_deletes_are_approved(begin: Begin, stage: Stage, tmp_path: Path) -> None:
    stage.set(sync_delete_max_count=1)
    stage.seed(50, types=["FQDN"])
    stage.sync()
    play = begin("TqDeletesPending")
    stage.expire(every=2)
    stage.sync()
    write_config(tmp_path, stage.runtime.settings)
    (pending,) = PendingDeletes(stage.redis).every()
    play.follow(ID=pending.id)
    while stage.consume():
        pass
    assert len(stage.lists()["ThreatQ: FQDN"]) == 25
    play.is_over()


def test_abandoned_lists_are_emptied_and_retired(begin: Begin, stage: Stage, tmp_path: Path) -> None:
    stage.seed(20, types=["FQDN", "MD5"])
    stage.sync()
    play = begin("TqListsAbandoned")
    stage.set(sync_collections=MAPPING + "  splitBy: scoreRange\n")
    stage.sync()
    write_config(tmp_path, stage.runtime.settings)
    play.follow()
    assert stage.lists()["ThreatQ: FQDN"] == set()
    play.is_over()


@pytest.mark.parametrize(("alert", "days"), [("TqSyncOld", 3), ("TqFullSyncOld", 0)])
def test_an_old_collection_is_synced(
    begin: Begin, stage: Stage, tmp_path: Path, alert: str, days: int
) -> None:
    stage.seed(20, types=["FQDN"])
    stage.sync()
    play = begin(alert)
    age_last_run(stage, days=days, full_days=4)
    write_config(tmp_path, stage.runtime.settings)
    with at_work(stage):
        play.follow(COLLECTION=COLLECTION)
    assert history(stage.redis)[0].status == "done"
    play.is_over()


def test_a_run_that_waits_goes_on_once_the_service_is_back(
    begin: Begin, stage: Stage, tmp_path: Path
) -> None:
    stage.seed(20, types=["FQDN"])
    play = begin("TqSyncWaits")
    stage.logrhythm.fault(unauthorized=1)
    job_id = stage.start()
    stage.consume()
    (run,) = waiting_runs(stage.redis)
    stage.redis.hset(keys.progress(job_id), "since", run.since_ms - 3_600_000)
    write_config(tmp_path, stage.runtime.settings)
    # LogRhythm takes the token again, and the operator closes the breaker
    play.follow()
    with at_work(stage):
        until(lambda: not waiting_runs(stage.redis))
    assert stage.outcome(job_id).state == "done"
    play.is_over()


def test_a_list_that_could_not_be_written_is_put_right(begin: Begin, stage: Stage, tmp_path: Path) -> None:
    stage.seed(20, types=["FQDN"])
    stage.sync()
    play = begin("TqSyncFails")
    stage.logrhythm.fault(broken_list=stage.guid("ThreatQ: FQDN"))
    stage.seed(30, types=["FQDN"])
    job_id = stage.start()
    for _ in range(MOST_FAULTS):
        stage.hurry()
        stage.consume()
    assert stage.outcome(job_id).note["status"] == "errors"
    write_config(tmp_path, stage.runtime.settings)
    # LogRhythm has put its list right
    stage.logrhythm.fault(broken_list="")
    with at_work(stage):
        play.follow(COLLECTION=COLLECTION)
    assert len(stage.lists()["ThreatQ: FQDN"]) == 30
    play.is_over()
