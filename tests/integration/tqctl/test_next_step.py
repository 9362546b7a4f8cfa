"""`tqctl check` ends with the step that a system lacks next, from the first setting to the workers."""

from __future__ import annotations

import pytest

from tests.support.operator import Operator
from tests.support.sandbox_threatq import SandboxThreatQ
from tqctl.check import next_step
from workers.settings.pages import EVENTS_BUILDER

pytestmark = pytest.mark.integration


def step(operator: Operator) -> str:
    return operator.types("check").out.splitlines()[-1]


def test_without_a_configuration_the_next_step_is_setup(operator: Operator) -> None:
    assert step(operator) == "Next step: here, settings: run tqctl setup, or set them"


def test_the_next_step_is_one_further_once_one_is_done(
    configured: Operator, threatq_sandbox: SandboxThreatQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a configured system whose connector was never registered, then one after the other is done
    assert step(configured) == "Next step: threatq, connector: run tqctl setup"

    threatq_sandbox.fill_page("Events Builder", EVENTS_BUILDER)
    assert step(configured).startswith("Next step: threatq, connector: enable it in ThreatQ")

    threatq_sandbox.fill_page("Events Builder", EVENTS_BUILDER, is_active=True)
    assert step(configured).startswith("Next step: workers, events: start one: tqctl up --production, or")

    # and Redis goes before the workers, which cannot be looked at without it
    monkeypatch.setenv("TQ_REDIS_URL", "redis://127.0.0.1:1/0")
    assert step(configured).startswith("Next step: redis, answers: start it, or correct TQ_REDIS_URL")


def test_where_nothing_has_failed_there_is_no_next_step() -> None:
    assert next_step([{"state": "warning", "area": "redis"}, {"state": "ok", "area": "here"}]) is None
