"""docs/sandbox.md names every switch and every fault of the simulated services."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import msgspec
import pytest

from sandbox.logrhythm.config import LogRhythmConfig
from sandbox.logrhythm.faults import Faults
from sandbox.threatq.model.behaviour import Behaviour, FaultKind

PAGE = Path(__file__).resolve().parents[3] / "docs/sandbox.md"


@pytest.mark.parametrize("switches", [Behaviour, LogRhythmConfig, Faults])
def test_every_switch_is_on_the_page(switches: type[msgspec.Struct]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [field.name for field in msgspec.structs.fields(switches) if f"`{field.name}`" not in page] == []


def test_every_fault_of_threatq_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [kind for kind in get_args(FaultKind) if f"`{kind}`" not in page] == []
