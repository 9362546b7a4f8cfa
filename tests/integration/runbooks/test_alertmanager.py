"""The example for Alertmanager, judged by its own amtool."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml

from tests.support.promtool import RULES, assert_passes, program, rules

pytestmark = pytest.mark.integration

EXAMPLE = RULES.parents[1] / "alertmanager" / "alertmanager.yml"


def test_alertmanager_reads_the_example() -> None:
    assert_passes(program("amtool", "prometheus-alertmanager"), "check-config", str(EXAMPLE))


@pytest.mark.parametrize(("severity", "receiver"), [("critical", "night"), ("warning", "daytime")])
def test_what_is_critical_wakes_an_operator(severity: str, receiver: str) -> None:
    amtool = program("amtool", "prometheus-alertmanager")
    asked = [amtool, "config", "routes", "test", f"--config.file={EXAMPLE}", f"severity={severity}"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() == receiver


def test_the_alerts_that_it_names_exist() -> None:
    assert set(re.findall(r"\bTq[A-Z]\w+", EXAMPLE.read_text(encoding="utf-8"))) <= set(rules())


def test_while_the_ledger_is_away_nothing_else_is_told() -> None:
    inhibited = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["inhibit_rules"]
    assert inhibited[0]["source_matchers"] == ["alertname = TqLedgerAway"]
    assert inhibited[0]["target_matchers"][0] == 'alertname =~ "Tq.*"'
