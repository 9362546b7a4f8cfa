"""Measuring leaves the machine as it was for what is measured next."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.measuring import pinned

#: Not every system can tell.
CORES = "import os; print(getattr(os, 'sched_getaffinity', lambda _: 'all')(0))"


def cores_of_a_new_process() -> str:
    return subprocess.run([sys.executable, "-c", CORES], capture_output=True, text=True, check=True).stdout


def test_what_is_started_while_pinned_has_one_core_and_what_is_started_later_has_all() -> None:
    before = cores_of_a_new_process()

    with pinned(0):
        pinned_to = cores_of_a_new_process()

    can_pin = hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1
    assert pinned_to == ("{0}\n" if can_pin else before)
    assert cores_of_a_new_process() == before
