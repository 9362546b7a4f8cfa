"""A process that serves for long is held up neither by the collector nor by a thread that computes."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest

from workers.core.interpreter import TURN_S, keep_pauses_short


@pytest.fixture
def restored() -> Iterator[None]:
    threshold, turn_s = gc.get_threshold(), sys.getswitchinterval()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)
    sys.setswitchinterval(turn_s)


@pytest.mark.usefixtures("restored")
def test_what_is_loaded_is_looked_at_no_more_and_threads_take_short_turns() -> None:
    loaded = len(gc.get_objects())

    keep_pauses_short()

    assert len(gc.get_objects()) < loaded / 10
    assert sys.getswitchinterval() == pytest.approx(TURN_S)
