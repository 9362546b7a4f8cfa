"""The plugin file as LogRhythm uses it: its command lines, filled from an alarm, run our executables."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.launch.processes import Processes
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.srp import Plugin, read_plugin

pytestmark = pytest.mark.acceptance

#: What LogRhythm fills in; the rule's Group By holds no other fields, so that the others are empty.
ALARM = {
    "AlarmId": "4711",
    "AlarmRuleName": 'AIE: "ThreatQ" hit - web',
    "AlarmDate": "2020-08-25 20:20:20",
    "SIP": "156.86.198.45",
    "Object": "annual report.exe",
}

#: What an analyst types in the Web Console.
TYPED = {
    "Indicator Type": "FQDN",
    "Indicator Value": "bad.example",
    "Attributes": "False Positive:Yes,Confidence:High",
}


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    """The plugin that tqctl writes for this installation."""
    scripts, out = Path(sys.executable).parent, tmp_path / "ThreatQ.lpi"
    command = [scripts / "tqctl", "srp-bundle", "--scripts-dir", scripts, "--out", out]
    assert subprocess.run(command, check=False, timeout=60, capture_output=True).returncode == 0
    return read_plugin(out.read_bytes())


def test_every_action_runs_as_the_plugin_says(
    plugin: Plugin, working: Processes, threatq_sandbox: SandboxThreatQ, tmp_path: Path
) -> None:
    # When LogRhythm runs each action of the plugin, adding first
    environ = {**working.environ, "TQ_CONFIG": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    answers = {}
    for action in sorted(plugin.actions, key=lambda each: "Add" not in each.name):
        line = [action.command, *action.command_line(ALARM, TYPED)]
        done = subprocess.run(line, check=False, capture_output=True, text=True, timeout=60, env=environ)
        answers[action.name] = (done.returncode, done.stdout.splitlines()[0])
    # Then each is done and its answer begins with its name
    assert {name: (code, said.startswith(f"{name}: ")) for name, (code, said) in answers.items()} == {
        action.name: (0, True) for action in plugin.actions
    }
    # And ThreatQ holds the sighting, with the file that was observed
    (event,) = threatq_sandbox.get("/api/events", **{"with": "indicators"})["data"]
    assert event["title"].startswith(ALARM["AlarmRuleName"])
    assert {indicator["value"] for indicator in event["indicators"]} == {"156.86.198.45", "annual report.exe"}
    # And the indicator, whitelisted
    (row,) = threatq_sandbox.get("/api/indicators", value="bad.example", **{"with": "status,attributes"})[
        "data"
    ]
    assert row["status"]["name"] == "Whitelisted"
    assert ("Confidence", "High") in {
        (attribute["name"], attribute["value"]) for attribute in row["attributes"]
    }
