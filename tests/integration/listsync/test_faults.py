"""A LogRhythm that fails on one list alone, and one that fails on every call."""

from __future__ import annotations

import pytest

from tests.support.sync_stage import Stage
from workers.listsync.run.faulty import MOST_FAULTS

pytestmark = pytest.mark.integration

BROKEN = "ThreatQ: FQDN"


def break_a_list(stage: Stage) -> None:
    """Fill the lists, have more to write into each, and let LogRhythm fail on one."""
    stage.seed(50)
    stage.sync()
    stage.seed(50, start=50)
    stage.logrhythm.fault(broken_list=stage.guid(BROKEN))


def try_again(stage: Stage, times: int) -> None:
    for _ in range(times):
        stage.hurry()
        stage.consume()


def test_a_list_on_which_logrhythm_always_fails_keeps_no_other_waiting(stage: Stage) -> None:
    # given lists, more to write into each, and one on which LogRhythm fails
    break_a_list(stage)

    # when a run is tried
    job_id = stage.start()
    stage.consume()

    # then every other list is written, and the job waits and says for which call
    stage.logrhythm.fault(broken_list="")
    sizes = {name: len(entries) for name, entries in stage.lists().items()}
    assert sizes.pop(BROKEN) == 10
    assert set(sizes.values()) == {20}
    outcome = stage.outcome(job_id)
    assert outcome.state == "waiting"
    assert f"/lists/{stage.guid(BROKEN)}/" in outcome.note["reason"]
    assert "with 500" in outcome.note["reason"]

    # and when LogRhythm is well again, it is done with the rest
    try_again(stage, 1)
    assert stage.outcome(job_id).note["status"] == "done"
    assert len(stage.lists()[BROKEN]) == 20


def test_a_list_that_never_works_ends_the_run_with_its_error_and_the_next_run_tries_it_again(
    stage: Stage,
) -> None:
    break_a_list(stage)

    job_id = stage.start()
    stage.consume()
    try_again(stage, MOST_FAULTS - 1)

    note = stage.outcome(job_id).note
    assert note["status"] == "errors"
    errors = {item["name"]: item["error"] for item in note["lists"] if item["error"]}
    assert list(errors) == [BROKEN]
    assert "500" in errors[BROKEN]
    assert f"{MOST_FAULTS} times" in errors[BROKEN]
    stage.logrhythm.fault(broken_list="")
    assert stage.sync()["status"] == "done"
    assert len(stage.lists()[BROKEN]) == 20


def test_a_logrhythm_that_fails_on_every_call_is_waited_for(stage: Stage) -> None:
    # given a run in whose middle every call begins to fail
    stage.seed(50)

    def fail_after_the_first_list() -> bool:
        if stage.logrhythm.calls("POST /lists/{id}/items/") >= 1:
            stage.logrhythm.fault(broken_list="/lists")
        return False

    job_id = stage.start()
    stage.consume(stopping=fail_after_the_first_list)

    # when it is tried more often than one list would be
    try_again(stage, MOST_FAULTS + 1)

    # then it still waits, and nothing of it is given up
    assert stage.outcome(job_id).state == "waiting"
    stage.logrhythm.fault(broken_list="")
    try_again(stage, 1)
    assert stage.outcome(job_id).note["status"] == "done"
    assert sum(map(len, stage.lists().values())) == 50
