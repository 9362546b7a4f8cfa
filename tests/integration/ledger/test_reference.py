"""The ledger's scripts beside a reference model: whatever happens in whatever order, both say and hold the same."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from redis import Redis

from tests.support.ledger_machine import HAPPENS, LedgerMachine

pytestmark = pytest.mark.integration

#: Each run tries so many ways, of so many steps each; MODEL_EXAMPLES=5000 for a night.
EXAMPLES, STEPS = int(os.environ.get("MODEL_EXAMPLES", "100")), 40


def test_the_scripts_do_what_the_model_does_whatever_happens(redis: Redis) -> None:
    reached: Counter[str] = Counter()
    run_state_machine_as_test(
        lambda: LedgerMachine(redis, reached),
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, suppress_health_check=list(HealthCheck)
        ),
    )
    # What was compared is worth something only where it happened.
    assert {name for name in HAPPENS if not reached[name]} == set()
