"""Celery's remote control of a worker in the middle of work: jobs may come late, but none is lost or done twice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery

from sandbox.launch.processes import Processes
from tests.acceptance.conftest import environment
from tests.support.producers import event
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.waiting import until
from workers.core.jobs import Job
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger

pytestmark = pytest.mark.acceptance

JOBS = 30


class Controlled:
    """A worker of its own with beat, jobs that are sent to it, and Celery's commands."""

    def __init__(self, processes: Processes, ledger: Ledger, admin: LedgerAdmin) -> None:
        self.processes, self.ledger, self.admin = processes, ledger, admin
        self.ids: list[str] = []

    def send(self, first: int) -> list[str]:
        jobs = [
            Job("events.create", {"payload": event(number)}, producer="http")
            for number in range(first, first + JOBS)
        ]
        self.ids += [answer.id for answer in self.ledger.accept(jobs)]
        return self.ids

    def celery(self, *words: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-m", "celery", "-A", "workers.app", *words],
            env=self.processes.environ, cwd=self.processes.root, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        return ran.stdout + ran.stderr

    def is_done(self) -> bool:
        return len(self.admin.ids("done", most=1_000)) == len(self.ids)


@pytest.fixture
def controlled(
    redis_url: str, threatq_sandbox: SandboxThreatQ, ledger: Ledger, admin: LedgerAdmin, tmp_path: Path
) -> Iterator[Controlled]:
    """The stage, with a worker of one thread that is ready."""
    with Processes(tmp_path / "own", environment(redis_url, threatq_sandbox.url)) as processes:
        processes.worker("own", "events", "upkeep", threads=1)
        processes.beat()
        log = processes.folder / "own.log"
        processes.wait_until(lambda: " ready." in log.read_text(), "the worker")
        yield Controlled(processes, ledger, admin)


#: Commands in the middle of work, and what Celery answers.
COMMANDS = (
    # a job's id: it is no message of Celery's
    (("control", "revoke", "JOB"), "revoked"),
    (("control", "terminate", "SIGKILL", "JOB"), "terminate"),
    (("control", "rate_limit", "events.work", "100/s"), "new rate limit set"),
    (("control", "time_limit", "events.work", "1"), "time limits set"),
    # what a pool of threads refuses
    (("control", "pool_grow", "1"), "ERROR"),
    (("control", "pool_restart"), "Pool restarts not enabled"),
    (("purge", "-f"), "message"),
)


def test_no_command_of_celery_costs_a_job(controlled: Controlled, threatq_sandbox: SandboxThreatQ) -> None:
    for words, answer in COMMANDS:
        # Given jobs, of which the worker has some
        job_id = controlled.send(len(controlled.ids))[-JOBS]
        # When it is told so, and more jobs come
        said = controlled.celery(*(word.replace("JOB", job_id) for word in words))
        controlled.send(len(controlled.ids))
        # Then Celery answers, all jobs are done, and each once
        assert answer in said, words
        until(controlled.is_done, within_s=40)
        assert threatq_sandbox.get("/api/events")["total"] == len(controlled.ids), words


def test_a_worker_that_takes_no_more_wake_ups_leaves_its_jobs_to_when_it_does(
    controlled: Controlled,
) -> None:
    assert "no longer consuming" in controlled.celery("control", "cancel_consumer", "events")
    controlled.send(0)
    assert not controlled.is_done()
    assert "add" in controlled.celery("control", "add_consumer", "events")
    until(controlled.is_done, within_s=40)


def test_a_worker_that_is_shut_down_leaves_what_it_could_not_do_to_the_next(
    controlled: Controlled, threatq_sandbox: SandboxThreatQ
) -> None:
    # Given jobs on which ThreatQ takes its time
    threatq_sandbox.fault("latency", ms=200)
    controlled.send(0)
    # When the worker is shut down among them
    controlled.celery("control", "shutdown")
    assert controlled.processes.running.pop("own").wait(timeout=60) == 0
    controlled.send(JOBS)
    # Then the next one does the rest
    controlled.processes.worker("next", "events", "upkeep", threads=1)
    until(controlled.is_done, within_s=60)
    assert threatq_sandbox.get("/api/events")["total"] == 2 * JOBS


def test_no_command_of_celery_shows_what_a_message_holds(controlled: Controlled) -> None:
    # Given messages of a foreign client that a worker has taken and does later
    app = Celery(broker=controlled.processes.environ["TQ_REDIS_URL"])
    app.conf.broker_transport_options = {"global_keyprefix": "{tq}:celery:"}
    app.conf.task_default_queue = "events"
    payload = {"payload": {"event_name": "a secret title"}}
    for name, words in (
        ("events.create", payload),
        ("jobs.accept", {"job": "events.create", "arguments": payload}),
    ):
        app.send_task(name, kwargs=words, countdown=60, task_id=f"{name}-message")
    until(
        lambda: "events.create-message" in controlled.celery("inspect", "scheduled"), within_s=30, every_s=0.5
    )
    # When they are asked for
    for words in (("scheduled",), ("query_task", "events.create-message", "jobs.accept-message")):
        said = controlled.celery("inspect", *words)
        # Then they are named, and their content is not
        assert ("jobs.accept-message" in said, "(not shown)" in said) == (True, True), words
        assert "a secret title" not in said, words
