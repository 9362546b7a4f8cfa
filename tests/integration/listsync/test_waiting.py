"""A run of the list sync that comes no further: the operator learns what fails, the answer, and since when."""

from __future__ import annotations

import pytest

from tests.support.operator import Operator
from tests.support.sync_stage import COLLECTION, Stage
from workers.ledger.quarantine import Quarantine
from workers.ledger.records import released, waiting
from workers.ledger.sync_runs import waiting_runs
from workers.telemetry import metrics
from workers.telemetry.collector import LedgerCollector

pytestmark = pytest.mark.integration

QUERY = "/api/indicators/query"


def try_again(stage: Stage, times: int) -> None:
    """Work on what waits, while others find both services well in between."""
    for _ in range(times):
        stage.hurry()
        stage.consume()
    stage.hurry()


def waited_s(stage: Stage) -> dict[str, float]:
    collector = LedgerCollector(stage.admin, Quarantine(stage.redis))
    (family,) = [each for each in collector.collect() if each.name == metrics.SYNC_WAITS.name]
    return {sample.labels["collection"]: sample.value for sample in family.samples}


def test_a_run_on_which_threatq_always_fails_says_so_though_threatq_is_well_otherwise(
    stage: Stage, operator: Operator
) -> None:
    # Given a ThreatQ that fails on this collection's query each time, and on nothing else
    stage.seed(5)
    stage.threatq.fault("error", path=QUERY, status=500)
    job_id = stage.start()
    stage.consume()
    (first,) = waiting_runs(stage.redis)
    # When it has been tried again and again
    try_again(stage, 3)
    # Then all reports tell which call fails, the answer, and since when
    (waits,) = waiting_runs(stage.redis)
    assert waits == first
    assert (waits.job, waits.collection) == (job_id, COLLECTION)
    assert f"ThreatQ answers POST {QUERY} with 500" in waits.reason
    assert f"the sync of {COLLECTION} waits since 2" in operator.types("status", "--no-workers").out
    assert waited_s(stage)[COLLECTION] >= 0
    # And an operator who starts another one learns the same
    stage.redis.zadd("{tq}:due:sync", {job_id: 2**52})
    second = stage.sync()
    assert second["status"] == "overlap"
    assert waits.reason in second["reason"]


def test_a_run_on_which_logrhythm_always_fails_says_so_until_it_comes_further(stage: Stage) -> None:
    stage.seed(5)
    stage.logrhythm.fault(errors=10**6, items_only=True)
    job_id = stage.start()
    stage.consume()
    try_again(stage, 2)
    (waits,) = waiting_runs(stage.redis)
    assert "LogRhythm answers POST /lists/" in waits.reason
    # When LogRhythm is well again
    stage.logrhythm.control("faults", method="DELETE")
    while stage.consume():
        pass
    # Then it is done and nothing is said any more
    assert stage.outcome(job_id).note["status"] == "done"
    assert waiting_runs(stage.redis) == []
    assert waited_s(stage) == {}


def test_a_job_that_came_further_waits_anew(stage: Stage) -> None:
    ledger, job_id = stage.runtime.ledger, stage.start()
    (claim,) = ledger.claim("sync", 1)
    ledger.settle([waiting(claim, "503", 0)])
    before = stage.admin.record(job_id)
    assert before is not None
    assert before.since_ms is not None
    (claim,) = ledger.claim("sync", 1)
    ledger.settle([released(claim)])
    after = stage.admin.record(job_id)
    assert after is not None
    assert after.since_ms is None
