"""Random histories: after each sync the lists are as a full run would leave them, and nothing was deleted wrongly.

DELTA_HISTORIES=1000 plays more of them.
"""

from __future__ import annotations

import os

import pytest

from tests.support.delta_history import DeltaHistory
from tests.support.sync_stage import Stage

pytestmark = pytest.mark.integration

HISTORIES = int(os.environ.get("DELTA_HISTORIES", "12"))
FIRST = int(os.environ.get("FIRST_HISTORY", "0"))

STEPS = 8


@pytest.mark.parametrize("seed", range(FIRST, FIRST + HISTORIES))
def test_deltas_leave_what_full_runs_would_leave_and_delete_nothing_wrongly(seed: int, stage: Stage) -> None:
    history = DeltaHistory(stage, seed)
    history.play(STEPS)
    assert "delta" in history.kinds
