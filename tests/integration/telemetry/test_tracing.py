"""What each log line and each call says about the job that it is for."""

from __future__ import annotations

import json
import logging
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.support.producers import BIN
from tests.support.scripted import Answer, scripted
from workers.consumer import QueueHandler, consume
from workers.core.errors import InputError
from workers.core.jobs import Job
from workers.core.results import EventResult
from workers.core.trace import headers
from workers.leases import Attempt, Leases
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.records import Settlement, dead, done
from workers.settings.model import Secret, Settings
from workers.telemetry import logs
from workers.telemetry.exporter import operation
from workers.telemetry.job_log import JobLog
from workers.threatq.service import connect

pytestmark = pytest.mark.integration

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

log = structlog.get_logger("tests.tracing")


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """The log of this process, in a file, until the test ends."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    logs.set_up(logging.INFO, location=str(tmp_path), name="test")
    yield tmp_path / "test.log"
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def payload(name: str, trace: str = "") -> Job:
    return Job("events.create", {"payload": {"event_name": name}}, producer="http", title=name, trace=trace)


def test_a_line_names_job_kind_queue_producer_and_trace_of_what_it_is_for(
    ledger: Ledger, log_file: Path
) -> None:
    # given
    (accepted,) = ledger.accept([payload("one", TRACE)])

    def handle(attempt: Attempt) -> list[Settlement]:
        log.info("at work")
        logging.getLogger("a.library").warning("it warns")
        return [done(claim, {}) for claim in attempt.claims]

    # when
    consume(QueueHandler("events", handle, 100), ledger, Leases(ledger))
    log.info("afterwards")

    # then
    at_work, library, afterwards = lines(log_file)
    for line in (at_work, library):
        assert line["job"] == accepted.id
        assert (line["kind"], line["queue"], line["entry"]) == ("events.create", "events", "http")
        assert line["trace"] == TRACE
    assert "job" not in afterwards


def test_a_line_for_several_jobs_holds_all_their_ids(ledger: Ledger, log_file: Path) -> None:
    ids = [answer.id for answer in ledger.accept([payload("one"), payload("two")])]

    def handle(attempt: Attempt) -> list[Settlement]:
        log.info("at work")
        return [done(claim, {}) for claim in attempt.claims]

    consume(QueueHandler("events", handle, 100), ledger, Leases(ledger))
    (line,) = lines(log_file)
    assert set(line["job"].split()) == set(ids)


def test_a_job_that_ends_has_a_line_of_its_own_with_what_became_of_it(ledger: Ledger, log_file: Path) -> None:
    first, second = (answer.id for answer in ledger.accept([payload("good"), payload("bad")]))

    def handle(attempt: Attempt) -> list[Settlement]:
        return [
            dead(claim, "too bad") if claim.title == "bad" else done(claim, EventResult(7))
            for claim in attempt.claims
        ]

    consume(QueueHandler("events", handle, 100), ledger, Leases(ledger), observers=[JobLog()])
    badly, well = sorted(lines(log_file), key=lambda line: line["outcome"])
    assert (well["job"], well["outcome"], well["event_id"], well["level"]) == (first, "done", 7, "info")
    assert (badly["job"], badly["outcome"], badly["level"]) == (second, "dead", "warning")
    assert badly["reason"] == "too bad"
    assert {"kind", "queue", "entry", "wait_s", "run_s"} <= well.keys()


def test_what_a_payload_says_cannot_forge_a_line(ledger: Ledger, log_file: Path) -> None:
    hostile = 'x\n{"event": "forged", "job": "1"}\r\x1b[31m\u2028'
    ledger.accept([payload(hostile)])

    def handle(attempt: Attempt) -> list[Settlement]:
        raise InputError(f"event_name: {attempt.claims[0].arguments['payload']['event_name']} is refused")

    consume(QueueHandler("events", handle, 100), ledger, Leases(ledger), observers=[JobLog()])
    text = log_file.read_bytes()
    assert len(lines(log_file)) == 1
    assert not any(mark in text for mark in (b"\x1b", b"\r", "\u2028".encode()))


def test_calls_to_threatq_carry_the_trace_of_their_job_and_no_other_call_does(ledger: Ledger) -> None:
    # given
    ledger.accept([payload("one", TRACE)])
    with scripted(lambda asked: Answer({"data": [], "access_token": "t", "expires_in": 60})) as server:
        settings = Settings(
            threatq_url=server.url,
            threatq_client_id="c",
            threatq_email="e",
            threatq_password=Secret("p"),
        )
        threatq = connect(settings)

        def handle(attempt: Attempt) -> list[Settlement]:
            threatq.caller.call("GET", "/api/events")
            return [done(claim, {}) for claim in attempt.claims]

        # when
        consume(QueueHandler("events", handle, 100), ledger, Leases(ledger))
        threatq.caller.call("GET", "/api/indicators")

        # then
        (events,), (indicators,) = server.calls("/api/events"), server.calls("/api/indicators")
        assert events.headers["traceparent"] == TRACE
        assert "traceparent" not in indicators.headers


@pytest.mark.parametrize(
    "text", ["", "00-x-y-01", TRACE + "\r\nX-Evil: 1", TRACE.upper(), "ff" + TRACE[2:], TRACE + "-more"]
)
def test_what_is_no_trace_context_is_never_sent(text: str, ledger: Ledger) -> None:
    ledger.accept([payload("one", text.replace("\r\n", " "))])
    seen = []

    def handle(attempt: Attempt) -> list[Settlement]:
        seen.append(headers())
        return [done(claim, {}) for claim in attempt.claims]

    consume(QueueHandler("events", handle, 100), ledger, Leases(ledger))
    assert seen == [{}]


@pytest.mark.parametrize(
    "command",
    [
        ("tq-conn-events-builder", "-p", '{"event_name": "one", "event_type": "Sighting"}'),
        ("tq-lookup", "FQDN", "bad.example", "--wait", "0"),
    ],
)
def test_a_command_keeps_the_trace_of_the_program_that_started_it(
    command: tuple[str, ...], redis_url: str, admin: LedgerAdmin, tmp_path: Path
) -> None:
    # given a script or an agent that says what it is doing, as OpenTelemetry has it
    places = {"TQ_CONFIG": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    environ = {"PATH": os.environ["PATH"], "TQ_REDIS_URL": redis_url, "TRACEPARENT": TRACE, **places}

    # when it starts a command
    subprocess.run([BIN / command[0], *command[1:]], env=environ, cwd=tmp_path, timeout=60, check=True)

    # then the job belongs to that
    (job_id,) = admin.ids("accepted")
    record = admin.record(job_id)
    assert record is not None
    assert record.trace == TRACE


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/events", "POST /api/events"),
        ("/api/events/12/attributes", "POST /api/events/{id}/attributes"),
        (
            "/lr-admin-api/lists/8E1C2D3F-0000-4a4b-9c9d-000000000001/items/",
            "POST /lr-admin-api/lists/{id}/items/",
        ),
        ("/api/indicator/types", "POST /api/indicator/types"),
    ],
)
def test_operations_hold_no_ids(path: str, expected: str) -> None:
    assert operation("POST", path) == expected
