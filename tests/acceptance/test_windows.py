"""The six stubs and `tq-conn-logrhythm --inline` in CPython for Windows, which wine runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.sync_stage import Stage, write_config
from tests.support.waiting import until
from tests.support.wine import Windows, needs_wine, windows_path

pytestmark = [pytest.mark.acceptance, needs_wine]

STUB = "producers.smart_response.main"
SIGHTING = ("123", "ThreatQ Blocklist", "2020-08-25 20:20:20", "-SIP", "156.86.198.45")

#: The stubs as the guide calls them, and the kind of job that each starts.
STUBS = {
    "add_ioc": (("FQDN", "bad.example", "--attribute", "Confidence:High"), "indicators.add"),
    "lookup": (("FQDN", "bad.example"), "indicators.lookup"),
    "mark_false_positive": (("FQDN", "bad.example"), "indicators.mark"),
    "mark_true_positive": (("FQDN", "münchen.example"), "indicators.mark"),
    "sighting": (SIGHTING, "sightings.add"),
    "whitelist_ioc": (("FQDN", "bad.example"), "indicators.whitelist"),
}


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Windows:
    """A Windows that has started once."""
    made = Windows(tmp_path_factory.mktemp("wine"))
    assert until(lambda: made.python("-c", "import sys; print(sys.platform)").stdout.strip() == "win32")
    return made


@pytest.fixture
def config(stage: Stage, tmp_path: Path) -> str:
    """A folder with settings, as Windows knows it."""
    settings = stage.set(sync_dir=windows_path(tmp_path / "runs"))
    folder = tmp_path / "config"
    folder.mkdir()
    return windows_path(write_config(folder, settings))


@pytest.mark.parametrize("name", STUBS)
def test_a_stub_hands_its_job_over_and_writes_its_log(
    windows: Windows, stage: Stage, config: str, tmp_path: Path, name: str
) -> None:
    arguments, kind = STUBS[name]
    logs = windows_path(tmp_path)
    done = windows.command(
        f"{STUB}:{name}", *arguments, "-c", config, "-ll", logs, "-v2", "--no-wait", "--json"
    )
    assert done.returncode == 0, done.stderr
    record = stage.admin.record(json.loads(done.stdout)["job"])
    assert record is not None
    assert record.kind == kind
    (log,) = tmp_path.glob("*.log")
    assert json.loads(log.read_text().splitlines()[-1])["exit_code"] == 0


def test_a_stub_without_redis_keeps_its_job_on_disk_and_the_next_one_sends_it(
    windows: Windows, stage: Stage, config: str, tmp_path: Path
) -> None:
    # given a Redis that is away
    spool = tmp_path / "spool"
    flags = ("--no-wait", "--json", "-c", config)
    environ = {"TQ_SPOOL_DIR": windows_path(spool)}
    kept = windows.command(
        f"{STUB}:lookup", "FQDN", "bad.example", *flags, TQ_REDIS_URL="redis://127.0.0.1:1/0", **environ
    )
    assert (kept.returncode, len(list(spool.iterdir()))) == (3, 1), kept.stderr

    # when it is back, the next click sends what was kept, and its file is gone
    sent = windows.command(f"{STUB}:lookup", "FQDN", "other.example", *flags, **environ)
    assert sent.returncode == 0, sent.stderr
    assert list(spool.iterdir()) == []
    assert json.loads(kept.stdout)["job"] in stage.admin.ids("accepted")


def test_a_sync_in_the_command_itself_goes_on_from_its_folder_and_removes_it(
    windows: Windows, stage: Stage, config: str, tmp_path: Path
) -> None:
    stage.seed(3_000)
    logs = ("-ll", windows_path(tmp_path))
    first = windows.command("producers.logrhythm:main", "-c", config, "--inline", *logs)
    assert first.returncode == 0, first.stderr
    assert sum(map(len, stage.lists().values())) == 3_000
    assert [path for path in (tmp_path / "runs").iterdir() if path.is_dir()] == []

    # and a second one deletes what has left and writes nothing else
    stage.expire(every=10)
    second = windows.command("producers.logrhythm:main", "-c", config, "--inline", "--json", *logs)
    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout)["deletes"] == 300
    assert (tmp_path / "tq-conn-logrhythm.log").exists()
