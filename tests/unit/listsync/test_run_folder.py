"""Who holds a list of a run: one worker at a time, and none that was killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workers.listsync.plan.plan import ListPlan
from workers.listsync.run.run_folder import (
    LOCK,
    SILENT_S,
    PlannedList,
    Read,
    base_folder,
    is_silent,
    keep_planned,
    keep_read,
    planned_of,
    read_of,
    show_life,
    taken,
)
from workers.settings.model import Settings

HOLDER = """
import sys, time
from pathlib import Path
from workers.listsync.run.run_folder import taken
with taken(Path(sys.argv[1])) as is_ours:
    print(is_ours, flush=True)
    time.sleep(60)
"""


def test_a_folder_is_held_by_one_worker_until_that_is_killed(tmp_path: Path) -> None:
    # given another process that holds it
    folder = tmp_path / "list"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "True\n"
        with taken(folder) as is_ours:
            assert not is_ours

        # when that is killed hard
        holder.kill()
        holder.wait()

    # then the next one has it, and another thread of the same process has not
    with taken(folder) as is_ours, taken(folder) as is_theirs:
        assert (is_ours, is_theirs) == (True, False)


def test_a_holder_is_silent_when_it_has_shown_no_life_for_long(tmp_path: Path) -> None:
    with taken(tmp_path / "list"):
        folder = tmp_path / "list"
        assert not is_silent(folder)
        long_ago = (folder / LOCK).stat().st_mtime - SILENT_S - 1
        os.utime(folder / LOCK, (long_ago, long_ago))
        assert is_silent(folder)
        show_life(folder)
        assert not is_silent(folder)


def test_nobody_takes_a_list_of_a_run_that_is_over(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), taken(tmp_path / "ended" / "list"):
        pass


def test_what_became_of_a_piece_is_read_as_it_was_kept(tmp_path: Path) -> None:
    assert (read_of(tmp_path), planned_of(tmp_path)) == (None, None)
    keep_read(tmp_path, Read(3, 99))
    plan = ListPlan(id="p", name="ThreatQ: FQDN", type="FQDN", bucket="", exists=True, now=3, wanted=4)
    keep_planned(tmp_path, PlannedList(plan, is_gone=True))
    assert read_of(tmp_path) == Read(3, 99)
    assert planned_of(tmp_path) == PlannedList(plan, is_gone=True)


def test_a_run_that_ends_while_the_folder_is_looked_through_is_no_fault(tmp_path: Path) -> None:
    # a name that is there and leads nowhere, as for somebody who looks a moment too late
    (tmp_path / "ended").symlink_to("nowhere")
    assert base_folder(Settings(sync_dir=str(tmp_path))) == tmp_path
