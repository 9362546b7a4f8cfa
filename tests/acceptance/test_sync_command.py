"""`tq-conn-logrhythm` and real workers against both simulators: the guide's checklist, and a worker that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.launch.processes import Processes
from sandbox.launch.redis_server import free_port
from tests.support.sync_stage import COLLECTION, MAPPING, Stage, write_config
from tests.support.terminal import Terminal
from tests.support.waiting import until
from workers.ledger.sync_runs import progress_of
from workers.settings.pages import LOGRHYTHM

pytestmark = pytest.mark.acceptance

COMMAND = str(Path(sys.executable).with_name("tq-conn-logrhythm"))
PAGE = {
    "logrhythm_port": "",
    "logrhythm_v751": "true",
    "logrhythm_owner": "ThreatQ Sync",
    "sync_collections": MAPPING,
    "sync_method": "Fully sync (add and delete) ThreatQ data collections with LogRhythm lists",
    "sync_max_items": "1000000",
}


@pytest.fixture
def logrhythm_tls(tmp_path: Path) -> Path:
    tls = tmp_path / "tls"
    tls.mkdir()
    return tls


def environ(tmp_path: Path, **more: str) -> dict[str, str]:
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "remembered")}
    return {"PATH": os.environ["PATH"], "TERM": "dumb", "COLUMNS": "120", **home, **more}


def configure(tmp_path: Path, stage: Stage, **more: str) -> Path:
    """Write the settings of the stage."""
    return write_config(tmp_path / "config", stage.runtime.settings, **more)


def run(tmp_path: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "-c", str(folder), *arguments],
        env=environ(tmp_path), cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture
def processes(tmp_path: Path, stage: Stage) -> Iterator[Processes]:
    config = configure(tmp_path, stage, lease_s="2")
    with Processes(tmp_path / "logs", {"TQ_CONFIG": str(config), "TQ_SYNC_INTERVAL_S": "0"}) as running:
        yield running


def fill_page(stage: Stage) -> str:
    """Do as the administrator does on LogRhythm's page, made if need be; return the token that is filled in."""
    token = stage.runtime.settings.logrhythm_token.reveal()
    page = {**PAGE, "logrhythm_host": stage.logrhythm.url, "logrhythm_token": token}
    stage.threatq.fill_page("LogRhythm", LOGRHYTHM, is_active=True, custom_fields=page)
    return token


def start_worker(processes: Processes, name: str = "worker") -> None:
    processes.worker(name, "sync", "upkeep", threads=4)
    log = processes.folder / f"{name}.log"
    processes.wait_until(lambda: " ready." in log.read_text(), "the worker")


def test_the_guides_way_from_the_first_run_to_lists_that_hold_what_the_collection_holds(
    tmp_path: Path, stage: Stage, redis_url: str
) -> None:
    # given the first run, which asks and registers, and an administrator who fills in the page
    stage.seed(500)
    config, logs = tmp_path / "config", tmp_path / "logs"
    logs.mkdir()
    command = [COMMAND, "-c", str(config), "-ll", str(logs), "-v3"]
    home = environ(tmp_path, TQ_LOGRHYTHM_CA_FILE=stage.logrhythm.ca_file)
    terminal = Terminal(command, cwd=tmp_path, env=home)
    terminal.answer("ThreatQ Host: ", stage.threatq.url)
    terminal.answer("Client ID: ", stage.threatq.client_id)
    terminal.answer("E-Mail Address: ", stage.threatq.email)
    terminal.answer("Password: ", stage.threatq.password)
    terminal.answer("Status: ", "Active")
    terminal.answer("Redis URL: ", redis_url)
    assert terminal.end() == 0, terminal.shown
    assert terminal.shown.endswith("Connector configured. Set information in UI\n")
    token = fill_page(stage)

    # when it runs again, with nothing but its name
    ran = subprocess.run(
        [COMMAND, "--inline"],
        cwd=tmp_path,
        env=home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    # then the lists are there, and the exit code says so
    assert ran.returncode == 0, ran.stderr
    assert {name: len(values) for name, values in stage.lists().items()} == {
        f"ThreatQ: {name}": 100 for name in ("IP Address", "FQDN", "MD5", "SHA-1", "SHA-256")
    }
    assert "ThreatQ: FQDN" in ran.stdout
    assert token not in ran.stdout + ran.stderr + "".join(path.read_text() for path in logs.glob("*"))


def test_without_a_worker_it_says_so_and_keeps_the_job(tmp_path: Path, stage: Stage) -> None:
    stage.seed(10)
    ran = run(tmp_path, configure(tmp_path, stage))
    assert ran.returncode == 3
    assert "no worker has taken the job" in ran.stderr
    assert len(stage.admin.ids("accepted")) == 1


def test_a_dry_run_shows_the_plan_and_writes_nothing(tmp_path: Path, stage: Stage) -> None:
    stage.seed(50)
    ran = run(tmp_path, configure(tmp_path, stage), "--dry-run", "--inline", "--json")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert (told["status"], told["plan"]["complete"]) == ("planned", True)
    assert {item["name"]: item["add"] for item in told["plan"]["lists"]}["ThreatQ: FQDN"] == 10
    assert stage.writes() == 0


def test_while_threatq_is_away_the_sync_is_kept_although_its_page_cannot_be_read(
    tmp_path: Path, stage: Stage
) -> None:
    # given settings that are on ThreatQ's page alone
    folder = configure(
        tmp_path, stage, settings_from="threatq", logrhythm_url="", logrhythm_token="", sync_collections="",
        threatq_url=f"http://127.0.0.1:{free_port()}",
    )  # fmt: skip

    # when
    ran = run(tmp_path, folder, "--no-wait")

    # then nothing is asked for that stands on the page, and the job is kept
    assert ran.returncode == 0, ran.stderr
    assert "ThreatQ cannot be reached" in ran.stderr
    (job_id,) = stage.admin.ids("accepted")
    assert ran.stdout == f"started   {job_id}  all collections\n"

    # when ThreatQ is back
    fill_page(stage)
    stage.seed(10)
    again = configure(tmp_path, stage, settings_from="threatq", logrhythm_url="", sync_collections="")
    ran = run(tmp_path, again, "--inline")
    assert ran.returncode == 0, ran.stderr
    assert list(stage.outcome(job_id).note["runs"]) == [COLLECTION]
    assert sum(map(len, stage.lists().values())) == 10


def test_an_interrupted_command_says_what_becomes_of_the_run(tmp_path: Path, stage: Stage) -> None:
    stage.seed(5_000)
    stage.logrhythm.control("behaviour", {"write_ms": 500})
    command = [COMMAND, "-c", str(configure(tmp_path, stage)), "--inline"]
    places: dict[str, Any] = {"cwd": tmp_path, "env": environ(tmp_path)}
    with subprocess.Popen(command, **places, stderr=subprocess.PIPE, text=True) as running:
        until(lambda: stage.logrhythm.calls("POST /lists/{id}/items/") > 0, within_s=60)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert said.endswith(
        "a worker goes on with it; tqctl sync history shows what became of it\ninterrupted\n"
    )
    assert "Traceback" not in said
    assert len(stage.admin.ids("accepted")) == 1


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        # a key that is misspelt; a collection that is not there
        ('---\nC:\n  basename: "T: "\n', "line 3"),
        (MAPPING.replace(COLLECTION, "Absent"), "no data collection 'Absent'"),
    ],
)
def test_a_wrong_mapping_ends_with_code_2_and_says_where(
    mapping: str, said: str, tmp_path: Path, stage: Stage
) -> None:
    ran = run(tmp_path, configure(tmp_path, stage, sync_collections=mapping), "--inline")
    assert ran.returncode == 2
    assert said in ran.stderr


def test_a_worker_killed_in_the_middle_of_the_writes_costs_a_call_and_no_entry(
    tmp_path: Path, stage: Stage, processes: Processes
) -> None:
    # given a run in the middle of its writes
    stage.seed(30_000)
    stage.logrhythm.control("behaviour", {"write_ms": 30})
    start_worker(processes)
    job_id = stage.start()
    written = "POST /lists/{id}/items/"
    until(lambda: stage.logrhythm.calls(written) > 10, within_s=60)

    # when its worker is killed and another one starts
    processes.kill("worker")
    processes.beat()
    before = calls(stage)
    start_worker(processes, "another")
    until(lambda: stage.admin.outcome(job_id), within_s=60)

    # then the lists are those of an undisturbed run, and hardly anything was done twice
    assert stage.outcome(job_id).note["status"] == "done"
    assert {name: len(values) for name, values in stage.lists().items()} == {
        f"ThreatQ: {name}": 6_000 for name in ("IP Address", "FQDN", "MD5", "SHA-1", "SHA-256")
    }
    assert stage.logrhythm.calls(written) <= 30 + 1
    assert before["POST /api/indicators/query"] == calls(stage)["POST /api/indicators/query"]
    assert progress_of(stage.redis, job_id)["ThreatQ: FQDN"].stage == "done"


def calls(stage: Stage) -> dict[str, Any]:
    return dict(stage.threatq.calls())
