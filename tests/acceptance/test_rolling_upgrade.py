"""The version before this one and this one side by side on one Redis, and a change from either to the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.launch.processes import ROOT, Processes
from tests.acceptance.conftest import environment
from tests.support.producers import event
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.waiting import until
from workers.core.errors import InputError
from workers.core.jobs import Job
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.records import refused

pytestmark = pytest.mark.acceptance

#: tq-conn-events-builder of the folder that it is run in.
COMMAND = "import sys; from producers.events_builder import main; sys.exit(main())"

#: Payloads that each version sends by itself, and that both send.
EACH, BOTH = 60, 20


class Versions:
    """One system whose processes may be of either version."""

    def __init__(self, folder: Path, roots: dict[str, Path], environ: dict[str, str]) -> None:
        self.folder, self.environ = folder, {**os.environ, **environ, "TQ_CONFIG": str(folder)}
        self.processes = {
            name: Processes(folder / name, {**environ, "TQ_LEASE_S": "3"}, root=root)
            for name, root in roots.items()
        }
        for processes in self.processes.values():
            processes.folder.mkdir()

    def start(self, version: str) -> None:
        """Start a worker and beat of a version, and return once the worker is ready."""
        processes = self.processes[version]
        worker, beat = f"{version}-worker", f"{version}-beat"
        processes.worker(worker, "events", "upkeep", threads=4)
        processes.beat(beat)
        log = processes.folder / f"{worker}.log"
        processes.wait_until(lambda: " ready." in log.read_text(), worker)

    def send(self, version: str, numbers: Sequence[int]) -> None:
        """Send payloads through a version's command line."""
        text = "\n".join(json.dumps(event(number)) for number in numbers)
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, "-p", "-"],
            input=text,
            text=True,
            capture_output=True,
            cwd=self.processes[version].root,
            env=self.environ,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def stop(self) -> None:
        """Stop everything."""
        for processes in self.processes.values():
            processes.stop_all()


@pytest.fixture
def versions(
    previous: Path, tmp_path: Path, redis_url: str, threatq_sandbox: SandboxThreatQ
) -> Iterator[Versions]:
    """Both versions on one Redis and one ThreatQ."""
    system = Versions(
        tmp_path, {"previous": previous, "this": ROOT}, environment(redis_url, threatq_sandbox.url)
    )
    yield system
    system.stop()


def is_at_work(admin: LedgerAdmin) -> bool:
    open_jobs = admin.records(admin.ids("accepted", most=1000, queue="events"))
    return any(record.state == "running" for record in open_jobs)


@pytest.mark.parametrize(("first", "second"), [("previous", "this"), ("this", "previous")])
def test_a_change_of_version_under_load_loses_nothing_and_doubles_nothing(
    first: str, second: str, versions: Versions, threatq_sandbox: SandboxThreatQ, admin: LedgerAdmin
) -> None:
    # a ThreatQ that would take the same event twice
    threatq_sandbox.behave(event_key="none")
    # Given a system of one version that works
    versions.start(first)
    versions.send(first, range(EACH))
    # When the other one is started beside it, both are sent to at once, and the first one's worker is killed meanwhile
    versions.start(second)
    threatq_sandbox.fault("latency", ms=50)
    with ThreadPoolExecutor(2) as senders:
        sending = [
            senders.submit(versions.send, second, range(EACH - BOTH, 2 * EACH)),
            senders.submit(versions.send, first, range(2 * EACH - BOTH, 3 * EACH)),
        ]
        until(lambda: is_at_work(admin), within_s=60)
        versions.processes[first].kill(f"{first}-worker")
        for sent in sending:
            sent.result()
    # Then every payload is one event, of whichever version the record and the worker were
    # What the killed worker had comes back when its leases have run out.
    until(lambda: sum(admin.open_jobs().values()) == 0, within_s=120)
    assert threatq_sandbox.titles() == Counter({event(number)["event_name"]: 1 for number in range(3 * EACH)})
    assert admin.ids("dead") == []
    # and each version reads what the other one has written down
    assert len(list(admin.records(admin.ids("done", most=1000)))) == 3 * EACH
    versions.send(first, [0, 3 * EACH - 1])
    versions.send(second, [0, 3 * EACH - 1])
    assert sum(admin.open_jobs().values()) == 0


#: What the previous version does with jobs: shows one, asks for the same action again, works on that, searches.
MEETING = """
import sys
from producers.http.door import answer
from producers.http.status import _status
from producers.job import main as tq_job
from workers.jobs import Job
from workers.ledger.connect import connect
from workers.ledger.desk import Desk
from workers.ledger.ledger import Ledger
from workers.ledger.overview import overview
from workers.ledger.search import search
redis, job_id = connect(sys.argv[1]), sys.argv[2]
ledger, desk = Ledger(redis), Desk(redis)
print(answer(_status(desk.record(job_id))).body.decode())
desk.outcome(job_id)
(again,) = ledger.accept([Job("indicators.whitelist", {"type": "FQDN", "value": "bad.example"}, door="stub")])
search(redis, "bad.example"), overview(redis)
print([claim.id for claim in ledger.claim("enrichment", 1)] == ([again.id] if again.created else []))
sys.exit(tq_job([job_id]))
"""


def test_the_version_before_shows_a_refused_job_and_works_on(
    previous: Path, redis_url: str, ledger: Ledger, admin: LedgerAdmin
) -> None:
    # Given a job in a state that the version before does not know
    job = Job("indicators.whitelist", {"type": "FQDN", "value": "bad.example"}, producer="stub")
    (accepted,) = ledger.accept([job])
    (claim,) = ledger.claim("enrichment", 1)
    ledger.settle([refused(claim, InputError("is not in ThreatQ", field="value"))])
    # When that version meets it in every way in which it meets jobs
    done = subprocess.run(
        [sys.executable, "-c", MEETING, redis_url, accepted.id],
        capture_output=True,
        text=True,
        cwd=previous,
        env={**os.environ, "TQ_REDIS_URL": redis_url},
        timeout=60,
        check=False,
    )
    # Then it shows the state, and breaks nothing
    assert (done.returncode, done.stderr) == (0, "")
    shown, works, *_ = done.stdout.splitlines()
    assert (json.loads(shown)["state"], works) == ("refused", "True")
    record = admin.record(accepted.id)
    assert record is not None
    assert record.state == "refused"
