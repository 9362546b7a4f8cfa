"""Workers of several hosts, each a process with a folder of its own, sync from one Redis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.launch.processes import Processes
from tests.support.sync_stage import COLLECTION, EVERYTHING, MAPPING, Stage, write_config
from tests.support.waiting import until
from workers.ledger.sync_owners import owner_of

pytestmark = pytest.mark.acceptance

#: Indicators and their pages; a collection of this size is asked for its newest one first, as ranges may pay.
ROWS, PAGES, PROBES = 30_000, 30, 1
QUERY, WRITE = "POST /api/indicators/query", "POST /lists/{id}/items/"


@pytest.fixture
def lease_s() -> str:
    """Seconds after which a run goes to another host: so many that no busy machine lets one pass."""
    return "30"


@pytest.fixture
def hosts(tmp_path: Path, stage: Stage, lease_s: str) -> Iterator[Processes]:
    """Beat, and two hosts with a worker each."""
    mapping = MAPPING + 'Second:\n  baseName: "Second "\n'
    config = write_config(
        tmp_path / "config", stage.runtime.settings, lease_s=lease_s, sync_collections=mapping
    )
    with Processes(tmp_path / "logs", {"TQ_CONFIG": str(config), "TQ_SYNC_INTERVAL_S": "0"}) as running:
        running.beat()
        for host in ("a", "b"):
            start_host(running, host)
        yield running


def start_host(processes: Processes, host: str) -> None:
    processes.environ["TQ_SYNC_DIR"] = str(processes.folder / host)
    processes.worker(host, "sync", "upkeep", threads=2)
    log = processes.folder / f"{host}.log"
    processes.wait_until(lambda: " ready." in log.read_text(), "the worker")


def pages(stage: Stage) -> int:
    return stage.threatq.calls().get(QUERY, 0)


def is_done(stage: Stage, job_id: str) -> bool:
    outcome = stage.admin.outcome(job_id)
    return outcome is not None and outcome.state == "done"


def host_of(stage: Stage, job_id: str) -> str:
    """Return the name of the host that has a run."""
    owner = owner_of(stage.redis, job_id)
    return Path(owner.host).name if owner else ""


def test_two_hosts_sync_two_collections_and_read_no_page_twice(stage: Stage, hosts: Processes) -> None:
    # given a ThreatQ that fails once in the middle, so that wake-ups go to whichever host is free
    stage.share("Second", EVERYTHING)
    stage.seed(ROWS)
    stage.threatq.fault("latency", path="/api/indicators/query", ms=50)
    jobs = [stage.start(name) for name in (COLLECTION, "Second")]
    until(lambda: pages(stage) > 10, within_s=60)
    stage.threatq.fault("error", path="/api/indicators/query", next=1, status=503)

    # then each page is read once, but for the one that failed
    until(lambda: all(is_done(stage, job_id) for job_id in jobs), within_s=90)
    assert pages(stage) <= 2 * (PAGES + PROBES) + 1
    assert stage.logrhythm.calls(WRITE) == 2 * PAGES


@pytest.mark.parametrize("lease_s", ["2"])
def test_a_host_that_is_killed_in_the_middle_of_the_writes_is_taken_over(
    stage: Stage, hosts: Processes
) -> None:
    # given a run in the middle of its writes, whose pages took longer than a time slice
    stage.seed(ROWS)
    stage.threatq.fault("latency", path="/api/indicators/query", ms=200)
    stage.logrhythm.control("behaviour", {"write_ms": 30})
    job_id = stage.start()
    until(lambda: stage.logrhythm.calls(WRITE) > 10, within_s=60)
    first = host_of(stage, job_id)

    # when all of its host is gone
    hosts.kill(first)

    # then the other one ends it, and reads and writes nothing twice but the call that was cut off
    until(lambda: is_done(stage, job_id), within_s=60)
    assert stage.outcome(job_id).note["status"] == "done"
    assert host_of(stage, job_id) != first
    assert sum(map(len, stage.lists().values())) == ROWS
    assert stage.logrhythm.calls(WRITE) <= PAGES + 1
    assert pages(stage) == PAGES + PROBES
