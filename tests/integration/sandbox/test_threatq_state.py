"""The simulated ThreatQ keeps what it holds in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.threatq.control import SeedPlan, seed
from sandbox.threatq.model.state import ThreatQ

pytestmark = pytest.mark.integration

INDICATORS = "SELECT COUNT(*) FROM indicators"


def test_what_it_holds_is_there_after_a_restart(tmp_path: Path) -> None:
    path = str(tmp_path / "threatq.sqlite")
    first = ThreatQ(path=path)
    seed(first.store, SeedPlan(300))
    # No close: a process that is killed closes nothing.

    again = ThreatQ(path=path)

    assert (first.store.is_fresh, again.store.is_fresh) == (True, False)
    assert again.store.count(INDICATORS) == 300


def test_starting_over_empties_the_file(tmp_path: Path) -> None:
    path = str(tmp_path / "threatq.sqlite")
    threatq = ThreatQ(path=path)
    seed(threatq.store, SeedPlan(3))

    threatq.reset()

    assert threatq.store.count(INDICATORS) == 0
    assert ThreatQ(path=path).store.count(INDICATORS) == 0


@pytest.mark.parametrize("content", [b"", b"no database at all, but a text of some length" * 40])
def test_a_file_that_was_not_made_to_the_end_is_made_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "threatq.sqlite"
    path.write_bytes(content)

    store = ThreatQ(path=str(path)).store

    assert (store.is_fresh, store.count(INDICATORS)) == (True, 0)
    assert ThreatQ(path=str(path)).store.is_fresh is False
