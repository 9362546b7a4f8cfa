"""The list sync against both simulators: what is put into the lists, and what is never taken out of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from sandbox.threatq.seed import value_of
from tests.sandbox_logrhythm import SandboxLogRhythm, running_logrhythm
from tests.sandbox_threatq import SandboxThreatQ
from tests.sync_stage import Stage

pytestmark = pytest.mark.integration

GUIDE_TYPES = ("IP Address", "FQDN", "MD5", "SHA-1", "SHA-256")


@pytest.fixture
def logrhythm() -> Iterator[SandboxLogRhythm]:
    with running_logrhythm() as sandbox:
        yield sandbox


@pytest.fixture
def stage(
    redis: Redis, redis_url: str, threatq_sandbox: SandboxThreatQ, logrhythm: SandboxLogRhythm, tmp_path: Path
) -> Stage:
    made = Stage(redis, redis_url, threatq_sandbox, logrhythm, tmp_path / "sync")
    made.share()
    return made


def test_the_first_run_makes_a_list_for_each_type_and_the_second_writes_nothing(stage: Stage) -> None:
    stage.seed(2_600)
    result = stage.sync()
    assert (result["status"], result["adds"], result["read"]) == ("done", 2_600, 2_600)
    assert stage.lists() == {
        f"ThreatQ: {name}": {value_of(name, number) for number in range(at, 2_600, 5)}
        for at, name in enumerate(GUIDE_TYPES)
    }
    writes = stage.writes()
    again = stage.sync()
    assert (again["adds"], again["deletes"]) == (0, 0)
    assert stage.writes() == writes
