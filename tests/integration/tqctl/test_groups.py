"""What an operator sees of firings that share an event."""

from __future__ import annotations

import pytest

from tests.support.firings import Firings, firing
from tests.support.operator import Operator
from tests.support.sandbox_threatq import SandboxThreatQ
from workers.runtime import Runtime

pytestmark = pytest.mark.integration


def test_the_groups_that_are_kept_are_shown_with_their_counts(
    runtime: Runtime, threatq_sandbox: SandboxThreatQ, operator: Operator
) -> None:
    firings = Firings(runtime, threatq_sandbox, group_by="*=event_name")
    firings.send(*(firing(number) for number in range(30)), firing(1, rule="Scan"))
    firings.work()
    shown = {group["label"]: (group["count"], group["told"]) for group in operator.asks("groups")}
    assert shown == {"Suricata, event_name Beacon": (30, 1), "Suricata, event_name Scan": (1, 1)}
    answer = operator.types("groups")
    assert "Beacon" in answer.out
    assert "told of what joined its group" in answer.out


def test_where_no_group_is_kept_it_says_so(operator: Operator) -> None:
    assert "none is kept" in operator.types("groups").out


def test_rules_that_cannot_be_read_are_told_by_the_check(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQ_RATE_LIMITS", "Suricata=many")
    found = {line["what"]: line for line in operator.types("--json", "check").json}
    assert "'many' is no limit" in found["groups and limits"]["found"]
