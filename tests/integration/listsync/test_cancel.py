"""A run that is cancelled ends between two calls, says what it wrote, and the next one goes on correctly."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.sync_stage import COLLECTION, Stage, write_config
from tests.support.trail import last
from tests.support.waiting import until
from tqctl.main import main
from workers.ledger.sync_cancels import cancel
from workers.listsync.plan.manifest import digest, unpack
from workers.listsync.run import time_slice
from workers.listsync.run.manifests import Manifests
from workers.settings.pages import EVENTS_BUILDER, LOGRHYTHM
from workers.threatq.connector import Connector

pytestmark = pytest.mark.integration

NAME = "ThreatQ: FQDN"
ADD, REMOVE = "POST /lists/{id}/items/", "DELETE /lists/{id}/items/"

Ctl = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ctl(stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ctl:
    def run(*arguments: str) -> tuple[int, str, str]:
        config = write_config(tmp_path / "config", stage.runtime.settings)
        capsys.readouterr()
        code = main(["-c", str(config), *arguments])
        return code, *capsys.readouterr()

    return run


@pytest.fixture(autouse=True)
def looks_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker looks after each step whether its run was cancelled, and not each second."""
    monkeypatch.setattr(time_slice, "LOOK_EVERY_S", 0)


def cancelled(stage: Stage, *, after: Callable[[], bool]) -> dict[str, Any]:
    """Run a sync that is cancelled once `after` says so; return its result."""
    job_id, is_done = stage.start(), False

    def look() -> bool:
        nonlocal is_done
        if not is_done and after():
            is_done = True
            cancel(stage.redis, job_id, COLLECTION, stage.runtime.audit)
        return False

    while stage.consume(stopping=look):
        pass
    return stage.outcome(job_id).note


def noted(stage: Stage) -> set[bytes]:
    """Return the digests in the manifest of the list."""
    logrhythm = stage.runtime.logrhythm(stage.runtime.settings)
    manifest = Manifests(stage.redis, logrhythm.transport.url).of(stage.guid(NAME))
    assert manifest is not None
    return {each for part in manifest for each in unpack(manifest[part])}


def in_list(stage: Stage) -> set[bytes]:
    return {digest(value) for value in stage.lists()[NAME]}


def test_a_run_that_is_cancelled_between_its_adds_has_written_what_it_says(stage: Stage) -> None:
    # given a list of six calls, and a run that is cancelled after the second
    stage.seed(6_000, types=["FQDN"])
    result = cancelled(stage, after=lambda: stage.logrhythm.calls(ADD) >= 2)

    # then what it says is what the list holds, and nothing else is noted as ours
    assert (result["status"], result["adds"]) == ("cancelled", 2_000)
    assert result["notes"][0].startswith(f"Cancelled by {stage.runtime.audit.actor.name}")
    assert result["notes"][1].startswith(f"{NAME}: 2,000 of 6,000 entries were added and 0 of 0 deleted")
    assert len(in_list(stage)) == 2_000
    assert noted(stage) == in_list(stage)

    # and the next run does the rest
    assert stage.sync()["adds"] == 4_000
    assert noted(stage) == in_list(stage)
    assert stage.logrhythm.calls(ADD) == 6


def test_a_run_that_is_cancelled_between_its_deletes_forgets_what_it_deleted(stage: Stage) -> None:
    # given a list of which three quarters are to go
    stage.set(sync_delete_max_count=10_000)
    stage.seed(4_000, types=["FQDN"])
    stage.sync()
    for every in (2, 2):
        stage.expire(every=every)
    result = cancelled(stage, after=lambda: stage.logrhythm.calls(REMOVE) >= 1)

    # then
    assert (result["status"], result["deletes"]) == ("cancelled", 1_000)
    assert len(in_list(stage)) == 3_000
    assert noted(stage) == in_list(stage)
    assert stage.sync()["deletes"] == 1_000
    assert noted(stage) == in_list(stage)


def test_a_run_that_is_cancelled_while_it_reads_writes_nothing_and_forgets_no_abandoned_list(
    stage: Stage,
) -> None:
    stage.seed(6_000)
    query = "POST /api/indicators/query"
    result = cancelled(stage, after=lambda: stage.threatq.calls().get(query, 0) >= 2)
    assert (result["status"], result["adds"], stage.writes()) == ("cancelled", 0, 0)
    assert 0 < result["read"] < 6_000
    assert stage.sync()["adds"] == 6_000


def test_a_run_that_waits_for_a_service_is_cancelled_without_a_call(stage: Stage, ctl: Ctl) -> None:
    # given a run that LogRhythm has let down
    stage.seed(3_000)
    stage.logrhythm.fault(unauthorized=1)
    job_id = stage.start()
    stage.consume()
    assert stage.outcome(job_id).state == "waiting"
    before = stage.threatq.calls()

    # when
    code, shown, _ = ctl("sync", "cancel", COLLECTION, "--no-wait")
    assert (code, job_id in shown) == (0, True)
    assert stage.consume() == 1

    # then
    assert stage.outcome(job_id).state == "done"
    assert stage.threatq.calls() == before
    assert stage.sync()["adds"] == 3_000


def test_a_run_is_cancelled_also_while_threatq_with_its_settings_is_away(stage: Stage, ctl: Ctl) -> None:
    # given settings that stand on pages in ThreatQ, which goes away in the middle of a run
    settings = stage.set(settings_from="threatq")
    caller = stage.runtime.threatq.caller
    for name, fields in (
        (settings.connector_name, EVENTS_BUILDER),
        (settings.logrhythm_connector_name, LOGRHYTHM),
    ):
        Connector(caller, name).register(fields)
        stage.threatq.control("connector", {"name": name, "is_active": True})
    stage.seed(3_000)
    stage.threatq.fault("drop_before", path="/api/indicators/query")
    job_id = stage.start()
    stage.consume()
    stage.threatq.fault("drop_before")
    assert stage.outcome(job_id).state == "waiting"

    # when
    assert ctl("sync", "cancel", COLLECTION, "--no-wait")[0] == 0
    assert stage.consume() == 1

    # then
    assert stage.outcome(job_id).state == "done"
    assert stage.outcome(job_id).note["status"] == "cancelled"


def test_a_run_that_has_not_begun_is_cancelled_before_any_call(stage: Stage) -> None:
    job_id = stage.start()
    cancel(stage.redis, job_id, COLLECTION, stage.runtime.audit)
    stage.consume()
    note = stage.outcome(job_id).note
    assert note["status"] == "skipped"
    assert note["reason"].endswith("nothing was written")
    assert stage.threatq.calls() == {}


def test_a_run_is_watched_and_cancelled_from_elsewhere(
    stage: Stage, ctl: Ctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a run in the middle of its writes
    stage.seed(6_000, types=["FQDN"])
    stage.logrhythm.control("behaviour", {"write_ms": 300})
    job_id = stage.start(sender="ann@siem")
    worker = threading.Thread(target=stage.consume)
    worker.start()
    until(lambda: stage.logrhythm.calls(ADD) >= 1)

    # when
    code, shown, said = ctl("sync", "cancel", job_id)
    worker.join(30)

    # then the command has told where it was and what was written
    assert code == 0, said
    assert f"{COLLECTION}: run {job_id}, started by ann@siem at " in said
    assert f"{NAME}: cancelled" in said
    assert "cancelled" in shown
    assert last(stage.redis).act == "cancel"
    assert ctl("sync", "watch") == (0, "", "no run is under way\n")
    assert ctl("sync", "cancel", job_id)[0] == 2

    # and the next one is watched to its end
    following = stage.start()
    worker = threading.Thread(target=stage.consume)
    worker.start()
    code, shown, said = ctl("--json", "sync", "watch", COLLECTION)
    worker.join(30)
    assert (code, json.loads(shown)["job"]) == (0, following)
