"""`tqctl` beside real workers: what it sees of them, and what it tells them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.launch.processes import Processes
from tests.acceptance.conftest import Command
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.waiting import until
from tqctl.queues import listening, queues_by_worker, remote_control
from workers.ledger.admin import LedgerAdmin

pytestmark = pytest.mark.acceptance

PAYLOAD = '{"event_name": "%s", "event_type": "Sighting", "event_happened_at": 1700000000}'


def told(command: Command, *words: str) -> Any:
    """What `tqctl --json` tells, whatever its exit code."""
    answer = command("tqctl", "--json", *words)
    assert answer.stdout, answer.stderr
    return json.loads(answer.stdout)


def send(command: Command, name: str) -> str:
    answer = command("tq-conn-events-builder", "--json", "-p", PAYLOAD % name)
    assert answer.returncode == 0, answer.stderr
    return str(json.loads(answer.stdout)["job"])


def test_status_shows_the_queues_and_who_works_on_them(working: Processes, command: Command) -> None:
    # given a worker that has given its sign of life into the new ledger
    until(lambda: told(command, "status")["workers"], within_s=30)
    status = told(command, "status")
    assert [queue["name"] for queue in status["queues"]] == ["events", "enrichment", "sync", "upkeep"]
    (queues,) = status["workers"].values()
    assert queues == ["enrichment", "events", "sync", "upkeep"]


def test_workers_are_waited_for_only_until_all_that_listen_have_answered(
    working: Processes, redis_url: str
) -> None:
    # given one worker, and then two
    control = remote_control(redis_url)
    assert listening(control) == 1
    working.worker("another", "events", threads=1)
    until(lambda: listening(control) == 2, within_s=30)
    # then both answer, and neither took the count for a command
    assert len(queues_by_worker(redis_url)) == 2
    working.stop("another")
    until(lambda: listening(control) == 1, within_s=30)
    logs = "".join(log.read_text() for log in working.folder.glob("*.log"))
    assert "Cannot process event" not in logs
    assert "Control command error" not in logs


def test_check_finds_nothing_wrong_with_a_system_that_runs(working: Processes, command: Command) -> None:
    def failed() -> list[str]:
        return [line["what"] for line in told(command, "check") if line["state"] == "failed"]

    assert until(lambda: failed() == [], within_s=20)


def test_a_paused_queue_keeps_its_jobs_until_it_is_resumed(
    working: Processes, command: Command, admin: LedgerAdmin, redis_url: str
) -> None:
    # given a paused queue
    (worker,) = told(command, "pause", "events")["workers"]
    job_id = send(command, "while it is paused")
    other = send(command, "and another one")

    # then the worker consumes it no more, and nothing is done
    active = remote_control(redis_url).inspect().active_queues()
    assert "events" not in [queue["name"] for queue in active[worker]]
    assert told(command, "status")["queues"][0]["paused"]
    assert admin.outcome(job_id, wait_s=1.5) is None

    # when it is resumed
    assert told(command, "resume", "events")["workers"] == [worker]

    # then all of it is done
    assert all(
        (entry := admin.outcome(sent, wait_s=20)) and entry.state == "done" for sent in (job_id, other)
    )
    active = remote_control(redis_url).inspect().active_queues()
    assert "events" in [queue["name"] for queue in active[worker]]


def test_a_worker_that_starts_while_a_queue_is_paused_leaves_it_alone(
    working: Processes, command: Command, admin: LedgerAdmin
) -> None:
    # given
    told(command, "pause", "enrichment")
    working.worker("late", "enrichment", threads=1)
    log = working.folder / "late.log"
    try:
        working.wait_until(lambda: " ready." in log.read_text(), "the late worker")

        # when
        answer = command("tq-lookup", "FQDN", "bad.example", TQ_WAIT_S="1")

        # then
        assert admin.open_jobs()["enrichment"] == 1, answer
        told(command, "resume", "enrichment")
        until(lambda: admin.open_jobs()["enrichment"] == 0, within_s=20)
    finally:
        working.stop("late")


def test_bash_completes_commands_and_queues(tmp_path: Path) -> None:
    script = r"""
set -e
PATH="$1:$PATH"
source <(tqctl completion bash)
complete_it() { COMP_LINE="$1"; COMP_POINT=${#1}; COMP_TYPE=9; COMP_KEY=9; COMPREPLY=()
  read -ra COMP_WORDS <<< "$1"; [[ "$1" == *" " ]] && COMP_WORDS+=(""); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  _python_argcomplete tqctl; echo "${COMPREPLY[@]}"; }
complete_it "tqctl sta"
complete_it "tqctl pause e"
complete_it "tqctl dead re"
"""
    folder = str(Path(sys.executable).parent)
    done = subprocess.run(
        ["bash", "-c", script, "bash", folder], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    status, queues, actions = done.stdout.splitlines()
    assert status.split() == ["status"]
    assert set(queues.split()) == {"events", "enrichment"}
    assert actions.split() == ["replay"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_names_the_command(command: Command, shell: str) -> None:
    answer = command("tqctl", "completion", shell)
    assert answer.returncode == 0
    assert "tqctl" in answer.stdout


def test_setup_registers_the_connector_where_everything_is_set_already(
    command: Command, threatq_sandbox: SandboxThreatQ
) -> None:
    answer = command("tqctl", "setup", TQ_SETTINGS_FROM="threatq")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.endswith("Connector configured. Set information in UI\n")
    (connector,) = threatq_sandbox.get("/api/connectors", name="Events Builder")["data"]
    assert not connector["is_active"]


def test_setup_names_what_is_missing_where_no_person_can_be_asked(command: Command) -> None:
    answer = command("tqctl", "setup", TQ_THREATQ_PASSWORD="")
    assert answer.returncode == 2
    assert "TQ_THREATQ_PASSWORD" in answer.stderr
