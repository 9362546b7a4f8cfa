"""`tq-conn-logrhythm --inline`, where this process is the worker: for cron on a machine without one."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from producers import logrhythm
from producers.cli import follow, remembered
from producers.cli.follow import Bars, End, Lines
from producers.cli.sync_report import code_of, reason
from producers.logrhythm import main
from tests.support.sync_stage import COLLECTION, Stage, write_config
from workers.core.results import Failure, SyncOverlap, SyncSkipped
from workers.core.sync_report import RunResult
from workers.ledger import keys
from workers.ledger.connection import now_ms
from workers.ledger.records import deferred
from workers.ledger.sync_owners import own
from workers.ledger.sync_runs import Step
from workers.listsync.run import run_lease

pytestmark = pytest.mark.integration

Sync = Callable[..., tuple[int, str, str]]


@pytest.fixture
def sync(stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Sync:
    def run(*arguments: str) -> tuple[int, str, str]:
        config = write_config(tmp_path / "config", stage.runtime.settings)
        capsys.readouterr()
        code = main(["-c", str(config), "--inline", *arguments])
        return code, *capsys.readouterr()

    return run


def begun(stage: Stage) -> str:
    """A run that its worker has given back when it had hardly begun."""
    stops = iter([False, False, True])
    job_id = stage.start()
    stage.consume(stopping=lambda: next(stops, True))
    return job_id


def due_in(stage: Stage, job_id: str, seconds: float) -> None:
    stage.redis.zadd(keys.due("sync"), {job_id: now_ms(stage.redis) + seconds * 1000})


def test_a_run_that_has_no_worker_is_taken_to_its_end(stage: Stage, sync: Sync) -> None:
    # given a run that was begun, and that comes after the one that is asked for now
    stage.seed(3_000)
    first = begun(stage)
    due_in(stage, first, 1)

    # when
    code, shown, said = sync()

    # then it is that one whose end is awaited and told
    assert code == 0, said
    assert f"going on with the run that was begun earlier (job {first})" in said
    assert "done" in shown
    assert stage.outcome(first).note["adds"] == 3_000
    assert stage.admin.ids("accepted") == []


def test_a_run_of_another_worker_is_left_to_it(stage: Stage, sync: Sync) -> None:
    # given a run in another worker's hands
    stage.seed(10)
    first = begun(stage)
    assert [claim.id for claim in stage.runtime.ledger.claim("sync", 1)] == [first]

    # when, then
    code, _, said = sync()
    assert (code, f"is under way (job {first})" in said) == (1, True)


def test_a_run_that_waits_for_a_setting_says_for_which(stage: Stage, sync: Sync) -> None:
    # given a run that waits until its collection is shared again
    stage.seed(10)
    stage.threatq.control("collections/share", {"name": COLLECTION, "shared": False})
    first = stage.start()
    stage.consume()
    due_in(stage, first, 60)
    code, _, said = sync()
    assert code == 2
    assert "shared with" in said
    assert "goes on once this is corrected" in said


@pytest.mark.parametrize("inline", [[], ["--inline"]])
def test_a_threatq_that_hangs_is_told_soon_although_runs_are_more_patient(
    inline: list[str],
    stage: Stage,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given a ThreatQ that takes connections and answers nothing
    config = write_config(
        tmp_path / "config", stage.runtime.settings, settings_from="threatq", threatq_read_timeout_s="3000"
    )
    stage.threatq.control("faults", {"kind": "hang"})
    monkeypatch.setattr(logrhythm, "ANSWER_S", 0.3)
    monkeypatch.setattr(follow, "AWAY_PATIENCE_S", 0.3)

    # when
    code = main(["-c", str(config), "--dry-run", *inline])

    # then
    said = capsys.readouterr().err
    assert (code, said.count("does not answer")) == (3, 2)
    assert "within 0.3 s. The job is kept and goes on once that is over" in said


@pytest.mark.parametrize("service", ["threatq", "logrhythm"])
def test_after_an_outage_the_service_is_asked_now_and_not_when_its_time_has_come(
    service: str, stage: Stage, sync: Sync
) -> None:
    # given a service that was away, is back, and is not to be called for a while; and a run that waits for it
    stage.seed(3_000)
    first = begun(stage)
    (claim,) = stage.runtime.ledger.claim("sync", 1)
    stage.runtime.ledger.settle([deferred(claim, "it cannot be reached", 60, service=service)])
    stage.runtime.ledger.service_away(service, "it cannot be reached", after=60)

    # when, then
    code, shown, said = sync()
    assert (code, "cannot be reached" in shown + said) == (0, False), said
    assert stage.outcome(first).note["status"] == "done"
    assert stage.admin.away(service) == {}


def test_a_service_that_is_still_away_is_asked_before_that_is_said(
    stage: Stage, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "PATIENCE_S", 1)
    stage.seed(10)
    stage.runtime.ledger.service_away("threatq", "of before", after=60)
    stage.threatq.fault("error", path="/api/search/query", status=503)
    code, _, said = sync()
    assert code == 3
    assert "of before" not in said
    assert stage.threatq.calls()["GET /api/search/query"] >= 1


def test_a_setting_that_was_corrected_counts_at_once(stage: Stage, sync: Sync) -> None:
    # given a run that waits until its collection is shared again, which it is since
    stage.seed(10)
    stage.threatq.control("collections/share", {"name": COLLECTION, "shared": False})
    first = stage.start()
    stage.consume()
    due_in(stage, first, 60)
    stage.threatq.control("collections/share", {"name": COLLECTION, "shared": True})
    code, _, said = sync()
    assert code == 0, said
    assert stage.outcome(first).note["adds"] == 10


def test_a_run_whose_files_are_on_another_host_is_waited_for_and_that_is_said(
    stage: Stage, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a run that another host had, and which has ended since
    monkeypatch.setattr(run_lease, "LEFT_ALONE_S", 0.1)
    stage.seed(3_000)
    first = begun(stage)
    own(stage.redis, first, "elsewhere:/sync", 2)

    # when, then it is taken over once its time is over
    code, _, said = sync()
    assert code == 0, said
    assert "its files are on elsewhere:/sync: another host takes it over in " in said
    assert stage.outcome(first).note["adds"] == 3_000


def test_an_odd_verbosity_in_what_is_remembered_does_no_harm(stage: Stage, sync: Sync) -> None:
    stage.seed(10)
    remembered.memory().remember({"verbosity": "loud"})
    code, shown, said = sync("--json")
    assert (code, json.loads(shown)["adds"]) == (0, 10), said


def test_what_another_user_put_into_a_list_is_shown_in_full_and_cannot_steer_the_terminal(
    stage: Stage, sync: Sync
) -> None:
    stage.seed(10, types=["MD5"])
    stage.sync()
    long = "entry-" * 20
    stage.logrhythm.fill("ThreatQ: MD5", "\x1b[2Jgone", long)
    code, shown, _ = sync("--dry-run")
    assert code == 0
    assert "\\x1b[2Jgone" in shown
    assert "\x1b" not in shown
    assert f"? {long}\n" in shown


def test_a_list_that_fails_makes_the_code_1_and_names_the_reason(
    stage: Stage, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.seed(10, types=["MD5"])
    stage.sync()
    monkeypatch.setenv("TQ_SYNC_MAX_ITEMS", "1")
    code, shown, _ = sync()
    assert code == 1
    assert "errors" in shown
    assert "sync_max_items" in shown


def run(status: str) -> RunResult:
    """Return the result of a run that did nothing."""
    return RunResult(
        job="j",
        collection="C",
        status=status,
        method="add",
        plan="p",
        began_ms=0,
        seconds=1,
        declared=0,
        read=0,
    )


@pytest.mark.parametrize(
    ("end", "code", "words"),
    [
        (End("C", "j", "dead", Failure("it is gone")), 1, "it is gone"),
        (End("C", "j", "open", None), 3, "start one"),
        (End("C", "j", "waiting", Failure("away; is it on?")), 3, "is it on? The job is kept"),
        (End("C", "j", "held", Failure("x: wrong")), 2, "x: wrong. The job is kept"),
        (End("C", "j", "done", SyncSkipped(reason="disabled")), 2, "disabled"),
        (End("C", "j", "done", SyncOverlap(by="i", at_work=True, reason="under way")), 1, "under way"),
        (End("C", "j", "done", run("errors")), 1, ""),
        (End("C", "j", "done", run("planned")), 0, ""),
        (End("C", "j", "done", run("never heard of")), 1, ""),
    ],
)
def test_however_a_run_ends_a_script_can_tell(end: End, code: int, words: str) -> None:
    assert code_of(end) == code
    assert words in reason(end)


def test_a_bar_is_full_when_its_list_is_done() -> None:
    progress = Progress(console=Console(file=StringIO()))
    bars = Bars(progress)
    bars.update("ThreatQ: MD5", Step("write", 1, 3))
    (task,) = progress.tasks
    assert (task.completed, task.total, task.fields["stage"]) == (1, 3, "writing")
    bars.update("ThreatQ: MD5", Step("done", 0, None))
    assert (task.finished, task.fields["stage"]) == (True, "done")


def test_without_a_terminal_each_stage_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    for step in (Step("read", 0, None), Step("write", 0, 3_000), Step("write", 1_000, 3_000)):
        lines.update("ThreatQ: MD5", step)
    assert capsys.readouterr().err == "ThreatQ: MD5: reading the list\nThreatQ: MD5: writing, 3,000 entries\n"


def test_an_unknown_collection_is_answered_with_those_that_there_are(stage: Stage, sync: Sync) -> None:
    code, _, said = sync("--collection", "Typo")
    assert code == 2
    assert "'Typo' is not configured; there are LogRhythm-IOCList" in said
