"""`tqctl top` and `tqctl watch`: the status that stays up to date on a terminal, and one job to its end."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from redis import Redis
from rich.console import Console

from sandbox.launch.redis_server import RedisServer, free_port
from tests.support.operator import Operator
from tests.support.terminal import Terminal
from tests.support.waiting import until
from tqctl.top import screen
from workers.core.errors import InputError
from workers.core.jobs import Job
from workers.core.results import EventResult
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect, now_ms
from workers.ledger.ledger import Ledger
from workers.ledger.overview import overview
from workers.ledger.records import dead, done, refused, waiting
from workers.ledger.signs import JobInHand, Sign, give_sign

pytestmark = pytest.mark.integration

#: A common terminal's size.
WIDTH, HEIGHT = 80, 24


def accept(ledger: Ledger) -> str:
    (accepted,) = ledger.accept([Job("events.create", {"payload": {}}, producer="cli", title="an event")])
    return accepted.id


def top(url: str, folder: Path) -> Terminal:
    environ = {
        **os.environ,
        "TQ_REDIS_URL": url,
        "TQ_CONFIG": str(folder),
        "TERM": "xterm",
        "COLUMNS": str(WIDTH),
        "LINES": str(HEIGHT),
    }
    command = [str(Path(sys.executable).with_name("tqctl")), "top", "--every", "1"]
    return Terminal(command, cwd=folder, env=environ)


def test_top_is_kept_up_to_date_until_q(redis_url: str, redis: Redis, tmp_path: Path) -> None:
    # Given a terminal on which no worker is seen
    terminal = top(redis_url, tmp_path)
    terminal.expect("no worker")
    # When one begins to live, then it is shown without a key
    give_sign(redis, Sign("worker-events@host", "1", queues=["events", "upkeep"]))
    terminal.expect("worker-events@host")
    terminal.expect("q quits")
    # And q ends it, with the terminal as it was
    os.write(terminal._keyboard, b"q")
    assert terminal.end() == 0
    assert "\x1b[?1049l" in terminal.shown


def test_top_says_that_redis_is_gone_and_goes_on_once_it_is_back(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis", port=free_port()).start()
    terminal = top(server.url, tmp_path)
    terminal.expect("no worker")
    server.stop()
    terminal.expect("Redis cannot be reached")
    terminal.expect("Trying again; what is shown is of 20")
    server.start()
    with connect(server.url) as redis:
        until(redis.ping, within_s=10)
        give_sign(redis, Sign("back@host", "1", queues=["events"]))
    terminal.expect("back@host")
    os.write(terminal._keyboard, b"q")
    assert terminal.end() == 0
    server.stop()


def test_top_is_printed_once_where_it_goes_to_a_pipe(operator: Operator, redis: Redis) -> None:
    give_sign(redis, Sign("w@h", "1", queues=["events"], jobs=[], in_hand={}))
    answer = operator.types("top")
    assert answer.code == 0
    assert ("w@h" in answer.out, "no worker" in answer.out, "\x1b" in answer.out) == (True, True, False)
    assert operator.asks("top")["queues"][0]["standing"]["state"] == "idle"


@pytest.mark.parametrize("workers", [1, 60])
def test_the_screen_of_top_fits_the_terminal(redis: Redis, ledger: Ledger, workers: int) -> None:
    # Given long names and many workers
    job = JobInHand("0" * 24, "events.create", "events", 4)
    for number in range(workers):
        give_sign(
            redis, Sign(f"worker-{'x' * 90}{number}@host", "1", ["events"], jobs=[job], in_hand={"events": 1})
        )
    ledger.service_away("threatq", "it answers 503 " + "y" * 300)
    # When the screen is drawn
    console = Console(file=io.StringIO(), width=WIDTH, height=HEIGHT)
    with console.capture() as captured:
        console.print(screen(overview(redis), "Redis is gone", WIDTH, HEIGHT))
    lines = captured.get().rstrip("\n").split("\n")
    # Then it has no line and no column too many, and says how much is left out
    assert len(lines) <= HEIGHT
    assert max(map(len, lines)) <= WIDTH
    assert lines[-1].strip() == "q quits"
    assert ("more: tqctl status" in captured.get()) is (workers > 1)


def test_a_job_is_watched_to_its_end(operator: Operator, ledger: Ledger, admin: LedgerAdmin) -> None:
    # Given a job that is put off, and done a little later
    job_id = accept(ledger)
    ledger.settle([waiting(claim, "ThreatQ answers 503", 0) for claim in ledger.claim("events", 1)])

    def work() -> None:
        ledger.settle([done(claim, EventResult(event_id=7)) for claim in ledger.claim("events", 1)])

    worker = threading.Timer(0.5, work)
    worker.start()
    answer = operator.types("watch", job_id)
    worker.join()
    # Then each step was told once, and the outcome
    assert answer.code == 0
    steps = [line[21:].split(maxsplit=1) for line in answer.out.splitlines()]
    assert [step[0] for step in steps if step[0] != "now"] == ["accepted", "waiting", "done"]
    assert ("an event" in answer.out, "ThreatQ answers 503" in answer.out) == (True, True)
    assert steps[-1] == ["done", "7"]


def test_the_exit_code_of_watching_is_the_outcome(operator: Operator, ledger: Ledger) -> None:
    job_id = accept(ledger)
    ledger.settle([dead(claim, "no such type") for claim in ledger.claim("events", 1)])
    assert operator.types("watch", job_id).code == 1
    assert operator.types("--json", "watch", job_id).json["state"] == "dead"
    (accepted,) = ledger.accept(
        [Job("indicators.lookup", {"type": "FQDN", "value": "10.0.0.1"}, producer="stub")]
    )
    ledger.settle([refused(claim, InputError("private")) for claim in ledger.claim("enrichment", 1)])
    assert operator.types("watch", accepted.id).code == 2
    unknown = operator.types("watch", "0" * 24)
    assert (unknown.code, "does not know this job" in unknown.err) == (2, True)


def test_a_job_of_which_only_its_marker_is_left_is_done(operator: Operator, ledger: Ledger) -> None:
    job_id = accept(ledger)
    ledger.settle([done(claim, EventResult(event_id=7)) for claim in ledger.claim("events", 1)])
    ledger.retention.retire(now_ms(ledger.redis) + 1)
    answer = operator.types("watch", job_id)
    assert (answer.code, "event 7" in answer.out) == (0, True)


def test_a_redis_that_is_away_when_the_watching_begins_is_waited_for(tmp_path: Path) -> None:
    # Given a job that is done, in a Redis that is down
    server = RedisServer(tmp_path / "redis", port=free_port()).start()
    with connect(server.url) as redis:
        ledger = Ledger(redis)
        job_id = accept(ledger)
        ledger.settle([done(claim, EventResult(event_id=7)) for claim in ledger.claim("events", 1)])
    server.stop()
    # When it is watched, and Redis comes once that was said
    with subprocess.Popen(
        [Path(sys.executable).with_name("tqctl"), "watch", job_id],
        env={**os.environ, "TQ_REDIS_URL": server.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stderr
        assert "Trying again until it answers" in watching.stderr.readline()
        server.start()
        out, _ = watching.communicate(timeout=30)
    server.stop()
    # Then its outcome is told
    assert (watching.returncode, out.splitlines()[-1].endswith("7")) == (0, True)
