"""A line for each job, one line for the rest of a busy minute, and a log that stays small when everything fails."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from workers.core.results import EventResult
from workers.ledger.records import Claim, Settlement, blocked, dead, deferred, done, released
from workers.telemetry import logs
from workers.telemetry.job_log import JobLog
from workers.telemetry.repeats import MOST_TEXTS, Repeats


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def claim(number: int) -> Claim:
    return Claim(
        id=f"{number:024x}", kind="events.create", queue="events", producer="http", title="t", trace="",
        accepted_ms=0, attempts=1, lost=0, solo_failures=0, token="t", body=b"", sender="nifi",
    )  # fmt: skip


def all_done(count: int) -> list[Settlement]:
    return [done(claim(number), EventResult(number + 1)) for number in range(count)]


def test_a_job_has_one_line_with_all_that_names_it() -> None:
    with capture_logs() as lines:
        JobLog().settled(all_done(1), 0.25)
    (line,) = lines
    assert line.pop("wait_s") > 0
    assert line == {
        "event": "job done", "log_level": "info", "job": f"{0:024x}", "kind": "events.create", "queue": "events",
        "entry": "http", "sender": "nifi", "run_s": 0.25, "outcome": "done", "event_id": 1,
    }  # fmt: skip


def test_a_job_that_was_given_back_has_no_line_and_one_that_waits_says_why() -> None:
    settlements = [released(claim(1)), blocked(claim(2)), deferred(claim(3), "ThreatQ is away", 5.0)]
    with capture_logs() as lines:
        JobLog().settled(settlements, 0.1)
    assert [(line["event"], line["reason"]) for line in lines] == [("job waits", "ThreatQ is away")]


def test_in_a_busy_minute_the_jobs_without_a_line_are_summed_up_when_it_ends() -> None:
    # Given a log that has room for three lines a minute
    clock = Clock()
    job_log = JobLog(lines_a_minute=3, clock=clock)
    with capture_logs() as lines:
        # When 200 jobs end, two of them as dead letters
        job_log.settled([*all_done(198), dead(claim(900), "a"), dead(claim(901), "b")], 0.1)
        job_log.end_minute()
        # Then three have a line, and each dead letter
        assert [line["outcome"] for line in lines] == ["done"] * 3 + ["dead"] * 2
        # And at the end of the minute one line tells of all
        clock.now_s = 61.0
        job_log.end_minute()
        job_log.end_minute()
    (summary,) = lines[5:]
    assert summary["oldest_s"] > 0
    assert {name: summary[name] for name in ("done", "dead", "retried", "jobs_a_second", "without_a_line")} == {
        "done": 198, "dead": 2, "retried": 0, "jobs_a_second": 3.3, "without_a_line": 195,
    }  # fmt: skip


def test_a_quiet_minute_has_no_summary() -> None:
    clock = Clock()
    job_log = JobLog(clock=clock)
    with capture_logs() as lines:
        job_log.settled(all_done(5), 0.1)
        clock.now_s = 61.0
        job_log.end_minute()
    assert len(lines) == 5


class Failing:
    """A log in a file, of a process in which everything fails."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.clock, self.file = clock, folder / "tq.log"
        self.log = structlog.get_logger("tests.failing")

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.read_text().splitlines()]


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[Failing]:
    """The logs of this process, with a clock that the test sets, until it ends."""
    root = logging.getLogger()
    handlers, level, clock = root.handlers[:], root.level, Clock()
    logs.set_up(location=str(tmp_path), name="tq")
    (file,) = root.handlers
    file.filters[:] = [Repeats(clock)]
    yield Failing(tmp_path, clock)
    file.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_warning_that_repeats_itself_is_written_once_and_counted(failing: Failing) -> None:
    # Given the same failure of many jobs
    for number in range(500):
        failing.log.warning("job is dead", job=number, reason="no such event type")
    assert len(failing.lines()) == 1
    # When the minute is over
    failing.clock.now_s = 61.0
    logs.say_repeats()
    # Then a line tells how often it was
    once, counted = failing.lines()
    assert once["job"] == 0
    assert counted["event"] == "499 times more within 61 s: job is dead: no such event type"
    # And the next one is written again
    failing.log.warning("job is dead", job=500, reason="no such event type")
    assert failing.lines()[-1]["job"] == 500


def test_reasons_that_all_differ_are_bounded_too(failing: Failing) -> None:
    for number in range(500):
        failing.log.error("job is dead", reason=f"value {number} is refused")
        logging.getLogger("a.library").error("task %d failed", number)
    assert len(failing.lines()) == 2 * MOST_TEXTS
    failing.clock.now_s = 61.0
    logs.say_repeats()
    counted = [line["event"] for line in failing.lines()[2 * MOST_TEXTS :]]
    assert counted == [
        "480 times more within 61 s: job is dead: other reasons",
        "480 times more within 61 s: task %d failed: other reasons",
    ]


def test_what_is_no_warning_is_never_left_out(failing: Failing) -> None:
    for _ in range(50):
        failing.log.info("job done")
    assert len(failing.lines()) == 50


@pytest.mark.parametrize(("location", "stream"), [("stdout", "out"), ("stderr", "err")])
def test_a_log_that_is_asked_onto_standard_output_stands_there(
    location: str, stream: str, capsys: pytest.CaptureFixture[str], failing: Failing
) -> None:
    logs.set_up(location=location)
    structlog.get_logger("tests").info("at work")
    captured = capsys.readouterr()
    assert "at work" in getattr(captured, stream)
    assert captured.out == "" or captured.err == ""
