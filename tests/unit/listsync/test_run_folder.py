"""Which worker holds a list of a run: one at a time, and none that was killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import pytest

from workers.listsync.plan.plan import ListPlan
from workers.listsync.run import list_folder
from workers.listsync.run.list_folder import LOCK, SILENT_S, ListFolder, PlannedList, ReadList
from workers.listsync.run.run_folder import base_folder
from workers.settings.model import Settings

HOLDER = """
import sys, time
from pathlib import Path
from workers.listsync.run import list_folder
from workers.listsync.run.list_folder import ListFolder
with ListFolder(Path(sys.argv[1])).taken() as is_ours:
    print(is_ours, flush=True)
    time.sleep(60)
"""


def test_a_folder_belongs_to_one_worker_until_that_is_killed(tmp_path: Path) -> None:
    # given another process that holds it
    folder = ListFolder(tmp_path / "list")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder.path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "True\n"
        with folder.taken() as is_ours:
            assert not is_ours

        # when that is killed hard
        holder.kill()
        holder.wait()

    # then the next one has it, and another thread of the same process has not
    with folder.taken() as is_ours, folder.taken() as is_theirs:
        assert (is_ours, is_theirs) == (True, False)


def test_on_windows_a_folder_is_locked_by_what_windows_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given Windows' module, which refuses the second lock of a byte
    locked: list[int] = []

    def locking(_handle: int, mode: int, count: int) -> None:
        if locked:
            raise PermissionError(13, "Permission denied")
        locked.append(mode * count)

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=2))
    monkeypatch.setitem(sys.modules, "fcntl", None)

    # then one worker at a time has the folder
    folder = run_path(list_folder.__file__)["ListFolder"](tmp_path / "list")
    with folder.taken() as is_ours, folder.taken() as is_theirs:
        assert (is_ours, is_theirs, locked) == (True, False, [2])


def test_a_holder_is_silent_when_it_has_shown_no_life_for_long(tmp_path: Path) -> None:
    folder = ListFolder(tmp_path / "list")
    with folder.taken():
        assert not folder.is_silent
        long_ago = (folder.path / LOCK).stat().st_mtime - SILENT_S - 1
        os.utime(folder.path / LOCK, (long_ago, long_ago))
        assert folder.is_silent
        folder.show_life()
        assert not folder.is_silent


def test_no_worker_takes_a_list_of_a_run_that_is_over(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), ListFolder(tmp_path / "ended" / "list").taken():
        pass


def test_what_became_of_a_list_task_is_read_as_it_was_kept(tmp_path: Path) -> None:
    folder = ListFolder(tmp_path)
    assert (folder.read, folder.planned, folder.digests, folder.calls) == (None, None, {}, 0)

    folder.keep_read(ReadList(3, 99))
    plan = ListPlan(id="p", name="ThreatQ: FQDN", type="FQDN", bucket="", exists=True, now=3, wanted=4)
    folder.keep_planned(PlannedList(plan, is_gone=True))
    folder.keep_digests({"adds": {7: b"sixteen bytes long"}})
    folder.count_call()

    assert folder.read == ReadList(3, 99)
    assert folder.planned == PlannedList(plan, is_gone=True)
    assert (folder.digests, folder.calls) == ({"adds": {7: b"sixteen bytes long"}}, 1)


def test_a_run_that_ends_while_the_folder_is_looked_through_is_no_fault(tmp_path: Path) -> None:
    # a name that is there and leads nowhere, as for a worker that looks a moment too late
    (tmp_path / "ended").symlink_to("nowhere")
    assert base_folder(Settings(sync_dir=str(tmp_path))) == tmp_path
