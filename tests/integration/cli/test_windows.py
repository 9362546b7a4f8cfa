"""`tq-conn-logrhythm --inline` and a stub where what CPython on Windows lacks is missing; wine has the real one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.launch.processes import ROOT
from tests.support.sync_stage import Stage, write_config

pytestmark = pytest.mark.integration


def behind_the_gate(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    # What the command remembers of its options is for no other test.
    return subprocess.run(
        [sys.executable, "-m", "tests.support.windows_gate", *arguments],
        cwd=ROOT,
        env={**os.environ, "XDG_CONFIG_HOME": str(home), "APPDATA": str(home)},
        check=False,
        capture_output=True,
        text=True,
        encoding="cp1252",
        timeout=120,
    )


def test_a_sync_in_the_command_itself_needs_nothing_that_windows_lacks(stage: Stage, tmp_path: Path) -> None:
    stage.seed(3_000)
    config = str(write_config(tmp_path, stage.runtime.settings))
    inline = ("producers.logrhythm", "main", "-c", config, "--inline", "-ll", str(tmp_path))
    first = behind_the_gate(*inline, home=tmp_path)
    assert first.returncode == 0, first.stderr
    assert sum(map(len, stage.lists().values())) == 3_000

    # and its folder is gone, though Windows removes no file that is open
    assert [path for path in (tmp_path / "sync").iterdir() if path.is_dir()] == []
    stage.expire(every=10)
    assert behind_the_gate(*inline, home=tmp_path).returncode == 0
    assert sum(map(len, stage.lists().values())) == 2_700


def test_a_stub_writes_its_log_and_its_job_without_what_windows_lacks(stage: Stage, tmp_path: Path) -> None:
    config = str(write_config(tmp_path, stage.runtime.settings))
    value = "m\u00fcnchen.example"
    done = behind_the_gate(
        *("producers.smart_response.main", "lookup", "FQDN", value, "-c", config),
        *("-ll", str(tmp_path), "-v2", "--no-wait"),
        home=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    (record,) = stage.admin.records(stage.admin.ids("accepted"))
    assert record.kind == "indicators.lookup"
    assert (tmp_path / "tq-lookup.log").exists()
