"""The settings of a run are those of its asker, else of the worker that began it, whichever worker goes on with it."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from msgspec import structs

from tests.support.sync_stage import COLLECTION, MAPPING, Stage, write_config
from tqctl.main import main as tqctl
from workers.core.errors import InputError
from workers.ledger.sync_approvals import PendingDeletes
from workers.ledger.sync_runs import history
from workers.listsync.plan.decisions import Decisions
from workers.listsync.run.assist import assist
from workers.settings.model import Settings

pytestmark = pytest.mark.integration

#: A worker whose guard stops nothing.
LENIENT = {"sync_delete_max_count": 1_000_000}


def half_gone(stage: Stage) -> None:
    """Sync five lists of forty entries each, of which half leave the collection."""
    stage.seed(200)
    stage.sync()
    stage.expire(every=2)


def finish(stage: Stage) -> None:
    while stage.consume():
        pass


def test_a_run_keeps_its_guard_when_a_worker_with_other_settings_goes_on_with_it(stage: Stage) -> None:
    # given a run that a strict worker has begun
    stage.set(sync_delete_max_count=5)
    half_gone(stage)
    looks = count(1)
    job_id = stage.start()
    stage.consume(stopping=lambda: next(looks) > 1)

    # when a lenient one goes on with it
    stage.set(**LENIENT)
    finish(stage)

    # then nothing is deleted, and the run says which settings counted and which did not
    note = stage.outcome(job_id).note
    assert (note["deletes"], sum(item["held"] for item in note["lists"])) == (0, 100)
    assert (note["settings"]["sync_delete_max_count"], note["settings"]["sync_method"]) == (5, "full")
    assert "TQ_SYNC_DELETE_MAX_COUNT is 1000000 there, 5 in this run" in " ".join(note["notes"])
    assert history(stage.redis, most=1)[0].settings == note["settings"]


def test_what_a_command_asked_with_counts_for_every_worker(stage: Stage) -> None:
    stage.set(**LENIENT)
    half_gone(stage)
    strict = structs.replace(stage.runtime.settings, sync_delete_max_count=5)
    note = stage.sync(settings=structs.asdict(Decisions.of(strict)))
    assert (note["deletes"], note["settings"]["sync_delete_max_count"]) == (0, 5)


def test_a_run_for_all_collections_hands_its_settings_on(stage: Stage) -> None:
    half_gone(stage)
    handed_out = stage.sync("", settings={"sync_method": "add"})
    note = stage.outcome(handed_out["runs"][COLLECTION]).note
    assert (note["method"], note["deletes"]) == ("add", 0)


def test_an_approval_deletes_what_was_shown_of_one_list_whatever_the_worker_allows(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given five lists with pending deletes
    stage.set(sync_delete_max_count=5)
    half_gone(stage)
    stage.sync()
    pending = next(item for item in PendingDeletes(stage.redis).every() if item.list == "ThreatQ: FQDN")
    assert (pending.count, pending.settings["sync_delete_max_count"]) == (20, 5)

    # when one is approved, and a worker that would let everything through does the work
    folder = str(write_config(tmp_path, stage.runtime.settings))
    assert tqctl(["-c", folder, "sync", "approve", pending.id]) == 0
    assert "job" in capsys.readouterr().out
    stage.set(**LENIENT)
    finish(stage)

    # then just that list has changed
    assert {name: len(values) for name, values in stage.lists().items()} == {
        name: 20 if name == pending.list else 40 for name in stage.lists()
    }
    assert history(stage.redis, most=1)[0].deletes == 20


def test_a_helper_with_other_settings_assists_with_those_of_the_run(stage: Stage) -> None:
    stage.seed(12_000)
    stage.sync()
    stage.seed(500, start=12_000)
    looks = count(1)
    job_id = stage.start()
    stage.consume(stopping=lambda: next(looks) > 2)
    stage.set(sync_max_items=1)
    assert assist(stage.runtime, lambda: False) == 5
    finish(stage)
    assert (stage.outcome(job_id).note["status"], stage.outcome(job_id).note["adds"]) == ("done", 500)


def test_a_setting_that_makes_no_sense_is_corrected_before_it_is_recorded(stage: Stage) -> None:
    stage.seed(10)
    stage.set(sync_score_bands="10, 9")
    job_id = stage.start()
    stage.consume()
    assert stage.outcome(job_id).state == "waiting"
    stage.set(sync_score_bands="10, 9, 7, 5")
    stage.hurry()
    finish(stage)
    assert stage.outcome(job_id).note["status"] == "done"


def test_settings_of_another_version_are_filled_in_and_wrong_ones_are_refused() -> None:
    own = Settings(sync_collections=MAPPING)
    assert Decisions.of(own, {"sync_method": "full", "sync_of_tomorrow": 1}).sync_method == "full"
    with pytest.raises(InputError, match="sync_method"):
        Decisions.of(own, {"sync_method": "everything"})
