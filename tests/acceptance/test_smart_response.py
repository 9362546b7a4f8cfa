"""The six actions as LogRhythm runs them: real executables, a real worker, a ThreatQ over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox.launch.processes import Processes
from sandbox.launch.redis_server import RedisServer, free_port
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.waiting import until
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect

pytestmark = pytest.mark.acceptance

ALARM = ("123", 'He said "no" & left', "2020-08-25 20:20:20")


class Console:
    """Where commands are typed, or where LogRhythm starts them."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.environ = {
            **os.environ,
            **environ,
            "TQ_CONFIG": str(folder / "config"),
            "XDG_CONFIG_HOME": str(folder / "home"),
            "XDG_STATE_HOME": str(folder / "state"),
        }

    def run(self, command: str, *argv: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command of ours."""
        return subprocess.run(
            [str(Path(sys.executable).with_name(command)), *argv],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
            env={**self.environ, **environ},
        )

    def json(self, command: str, *argv: str, **environ: str) -> dict[str, Any]:
        """Run a command of ours with --json and return what it says."""
        done = self.run(command, *argv, "--json", **environ)
        answer: dict[str, Any] = json.loads(done.stdout)
        assert answer["exit_code"] == done.returncode
        return answer


@pytest.fixture
def staffed(working: Processes, tmp_path: Path) -> Console:
    """A console of a system with a worker that does what comes."""
    return Console(tmp_path, working.environ)


@pytest.fixture
def ledger_alone(tmp_path: Path) -> Iterator[RedisServer]:
    """A ledger without workers."""
    server = RedisServer(tmp_path / "redis").start()
    yield server
    server.stop()


@pytest.fixture
def console(ledger_alone: RedisServer, tmp_path: Path) -> Console:
    """A console of a system without workers."""
    return Console(tmp_path, {"TQ_REDIS_URL": ledger_alone.url})


@pytest.fixture
def admin_alone(ledger_alone: RedisServer) -> Iterator[LedgerAdmin]:
    """The operator's view of the ledger without workers."""
    with connect(ledger_alone.url) as client:
        yield LedgerAdmin(client)


def test_an_indicator_is_added_looked_up_marked_and_whitelisted(
    staffed: Console, threatq_sandbox: SandboxThreatQ
) -> None:
    # Given nothing in ThreatQ
    missing = staffed.run("tq-lookup", "IP Address", "77.77.77.77")
    assert (missing.returncode, missing.stderr) == (0, "")
    assert missing.stdout.startswith("ThreatQ Lookup IOC: Not in ThreatQ\n")
    # When the actions are run as in the guide, each of them at once
    added = staffed.run(
        "tq-add-ioc", "IP Address", "77.77.77.77", "--attribute", "Note:a b,Confidence:High", "-v3"
    )
    staffed.run("tq-mark-false-positive", "IP Address", "77.77.77.77")
    marked = staffed.run("tq-mark-true-positive", "ip", "77[.]77.77.77")
    white = staffed.run("tq-whitelist-ioc", "ipv4", "77.77.77.77")
    found = staffed.run("tq-lookup", "ip address", " 77.77.77.77")
    # Then each said what it did
    assert "Created with status Active" in added.stdout
    assert "Marked as True Positive" in marked.stdout
    assert "Whitelisted; its status was Active" in white.stdout
    lines = found.stdout.splitlines()
    assert "Indicator     IP Address 77.77.77.77" in lines
    assert "Status        Whitelisted" in lines
    assert "Attribute     Note: a b" in lines
    # And ThreatQ holds just that
    (row,) = threatq_sandbox.get("/api/indicators", **{"with": "status,attributes"})["data"]
    assert row["status"]["name"] == "Whitelisted"
    assert {(attribute["name"], attribute["value"]) for attribute in row["attributes"]} == {
        ("Note", "a b"),
        ("Confidence", "High"),
        ("True Positive", "Yes"),
    }


def test_an_alarm_becomes_one_sighting_however_often_it_is_sent(
    staffed: Console, threatq_sandbox: SandboxThreatQ
) -> None:
    # When LogRhythm runs the action twice, with empty fields as bare switches
    fields = [
        "-SIP",
        "156.86.198.45",
        "-DIP",
        "-DHostName",
        "-SHostName",
        "web01",
        "-Recipient",
        "-Sender",
        "-URL",
    ]
    first = staffed.json("tq-sighting", *ALARM, *fields, "-Object", "9e107d9d372bb6826bd81d3542a419d6")
    second = staffed.json("tq-sighting", *ALARM, *fields, "-Object", "9e107d9d372bb6826bd81d3542a419d6")
    # Then both tell of the same job and event
    assert first["outcome"] == "done"
    assert (second["job"], second["result"]) == (first["job"], first["result"])
    # And ThreatQ holds one sighting with what was observed
    (event,) = threatq_sandbox.get("/api/events", **{"with": "attributes,indicators,type"})["data"]
    assert event["type"]["name"] == "Sighting"
    assert event["happened_at"] == ALARM[2]
    found = {(attribute["name"], attribute["value"]) for attribute in event["attributes"]}
    assert found >= {("Alarm ID", "123"), ("Alarm Name", ALARM[1]), ("Host (Origin)", "web01")}
    assert {indicator["value"] for indicator in event["indicators"]} == {
        "156.86.198.45",
        "9e107d9d372bb6826bd81d3542a419d6",
    }


def test_what_cannot_work_says_why_and_is_refused(staffed: Console, admin: LedgerAdmin) -> None:
    unknown = staffed.run("tq-lookup", "IP Adress", "1.2.3.4")
    assert unknown.returncode == 2
    assert 'Did you mean "IP Address"' in unknown.stdout
    assert "SHA-256" in unknown.stderr
    missing = staffed.json("tq-whitelist-ioc", "FQDN", "never.example")
    assert (missing["exit_code"], missing["outcome"]) == (2, "refused")
    assert "not in ThreatQ" in missing["error"]
    later = staffed.run("tq-job", missing["job"])
    assert (later.returncode, "ThreatQ Whitelist IOC: NOT DONE" in later.stdout) == (2, True)
    # And no operator has anything to do with it
    assert admin.ids("dead") == []


def test_a_repeated_click_answers_the_first_jobs_result(
    staffed: Console, threatq_sandbox: SandboxThreatQ
) -> None:
    first = staffed.json("tq-add-ioc", "FQDN", "bad.example")
    threatq_sandbox.control("calls", method="DELETE")
    second = staffed.json("tq-add-ioc", "FQDN", "bad.example")
    assert second == first
    # The worker asks for ThreatQ's names from time to time, which no click causes
    assert [call for call in threatq_sandbox.calls() if "/indicators" in call] == []


def test_while_threatq_is_away_the_action_is_accepted_and_done_later(
    staffed: Console, threatq_sandbox: SandboxThreatQ
) -> None:
    # Given a ThreatQ that fails
    threatq_sandbox.fault("error", status=503)
    # When an indicator is added
    answer = staffed.json("tq-add-ioc", "FQDN", "bad.example")
    # Then the analyst is told at once that it will be done
    assert (answer["exit_code"], answer["outcome"]) == (0, "accepted")
    text = staffed.run("tq-job", answer["job"]).stdout
    assert "accepted, not done yet" in text
    # And so is the next one, though no worker tries ThreatQ for its sake
    assert "503" in staffed.json("tq-lookup", "FQDN", "bad.example", "--wait", "50")["why"]
    # And once ThreatQ is back it is
    threatq_sandbox.control("faults", method="DELETE")
    done = staffed.run("tq-job", answer["job"], "--wait", "40")
    assert done.returncode == 0
    assert done.stdout.startswith("ThreatQ Add IOC: Created")
    assert threatq_sandbox.get("/api/indicators", value="bad.example")["total"] == 1


def test_without_workers_the_action_is_accepted_when_the_time_is_over(
    console: Console, admin_alone: LedgerAdmin
) -> None:
    answer = console.run("tq-lookup", "FQDN", "bad.example", "--wait", "0.1")
    assert answer.returncode == 0
    job_id = admin_alone.ids("accepted")[0]
    assert f"tq-job {job_id}" in answer.stdout


def test_while_redis_is_away_the_action_is_kept_and_the_next_one_delivers_it(
    console: Console, admin_alone: LedgerAdmin
) -> None:
    # Given no Redis where there should be one
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    # When an action is run
    kept = console.run("tq-add-ioc", "FQDN", "bad.example", TQ_REDIS_URL=nowhere)
    # Then it says that nothing is lost
    assert kept.returncode == 3
    assert "kept on this machine" in kept.stdout
    # And the next action that reaches Redis delivers it, though it is another action
    console.run("tq-lookup", "FQDN", "other.example", "--no-wait")
    kinds = sorted(record.kind for record in admin_alone.records(admin_alone.ids("accepted")))
    assert kinds == ["indicators.add", "indicators.lookup"]


def test_while_the_queue_is_full_the_action_is_kept_too(console: Console) -> None:
    first = console.run("tq-lookup", "FQDN", "bad.example", "--no-wait", TQ_MAX_OPEN_JOBS="1")
    second = console.run("tq-lookup", "FQDN", "other.example", "--no-wait", TQ_MAX_OPEN_JOBS="1")
    assert (first.returncode, second.returncode) == (0, 3)
    assert "Are the workers running?" in second.stdout


def test_wrong_input_and_settings_are_answered_at_once(
    console: Console, tmp_path: Path, admin_alone: LedgerAdmin
) -> None:
    assert console.run("tq-add-ioc", "FQDN", "bad.example", "--attribute", "Confidence").returncode == 2
    assert console.run("tq-sighting", "123").returncode == 2
    assert console.run("tq-lookup", "FQDN", "bad.example", "-v", "9").returncode == 2
    assert console.run("tq-lookup", "FQDN", "bad.example", "--wait", "soon").returncode == 2
    wrong = console.run("tq-lookup", "FQDN", "bad.example", TQ_WAIT_S="soon")
    assert (wrong.returncode, "wait_s" in wrong.stdout) == (2, True)
    assert admin_alone.ids("accepted") == []


def test_folders_are_taken_from_what_is_remembered(console: Console, tmp_path: Path) -> None:
    # Given an administrator's first run that was remembered
    for folder in ("config", "logs", "home/tq-workers"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    memory = {"config": str(tmp_path / "config"), "loglocation": str(tmp_path / "logs"), "verbosity": "3"}
    (tmp_path / "home/tq-workers/logrhythm.json").write_text(json.dumps(memory))
    settings = tmp_path / "config" / "tq.yaml"
    settings.touch(mode=0o600)
    settings.write_text('wait_s: "0"\n')
    # When LogRhythm runs an action without naming any folder
    answer = console.json("tq-lookup", "FQDN", "bad.example", TQ_CONFIG="")
    # Then settings and log are where they were remembered
    assert answer["why"] == "the command did not wait for the outcome"
    (line,) = (tmp_path / "logs" / "tq-lookup.log").read_text().splitlines()
    assert json.loads(line)["job"] == answer["job"]


def test_many_clicks_at_once_are_all_accepted(console: Console, admin_alone: LedgerAdmin) -> None:
    # When many alarms start their stubs at the same time
    command = str(Path(sys.executable).with_name("tq-sighting"))
    stubs = [
        subprocess.Popen(
            [command, str(number), "name", ALARM[2], "-SIP", "1.2.3.4", "--no-wait"],
            env=console.environ,
            stdout=subprocess.DEVNULL,
        )
        for number in range(20)
    ]
    # Then each alarm is a job
    assert [stub.wait(60) for stub in stubs] == [0] * 20
    assert until(lambda: admin_alone.open_jobs()["events"] == 20)
